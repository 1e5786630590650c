"""A burst of settlement exceptions: as many instructions whose amounts differ, each told by one MT548."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import psycopg

from benchmarks.engine import measure
from benchmarks.engine.our_client import OurClient
from benchmarks.engine.site import Site
from ci.local.postgres import WORKER
from ci.local.story import SAMPLE, load_book, sample
from workflow_orchestration.domain import book as books
from workflow_orchestration.store import book
from workflow_orchestration.store.db import make_pool, retrying

_MESSAGE, _NUMBER = "mt548-nmat-dmon-WO-1002", "1002"
_SENDERS = 16


def _names(n: int) -> dict[str, str]:
    return {f"WO-{_NUMBER}": f"B{n:06d}", f"TRD-{_NUMBER}": f"TRD-B{n:06d}", f"CSD26112000{_NUMBER}": f"CSD{n:012d}"}


def _renamed(text: str, n: int) -> str:
    for old, new in _names(n).items():
        text = text.replace(old, new)
    return text


def message(n: int) -> str:
    text = _renamed(sample(_MESSAGE), n)
    before, rest = text.split(":20C::SEME//", 1)
    return f"{before}:20C::SEME//BURST{n:08d}\r\n{rest.split(chr(10), 1)[1]}"


async def _load(url: str, messages: int) -> None:
    """The sample book, and trade and instruction of each message, as a firm's loader would have left them."""
    await load_book(url)
    found = json.loads((SAMPLE / "book.json").read_text(encoding="utf-8"))
    async with make_pool(url, size=2, name="bench") as pool:
        for kind in ("trade", "instruction"):
            [model] = [json.dumps(row) for row in found[kind] if _NUMBER in json.dumps(row)]
            for first in range(0, messages, 500):
                rows = [books.KINDS[kind].model_validate_json(_renamed(model, n))
                        for n in range(first, min(first + 500, messages))]  # fmt: skip
                await retrying(pool, lambda c, k=kind, r=rows: book.put(c, k, r, {"id": "bench"}))  # type: ignore[misc]


async def play(client: OurClient, place: Site, messages: int) -> dict[str, Any]:
    url = place.server.url(WORKER, place.database)
    await _load(url, messages)
    numbers = iter(range(messages))

    async def send() -> None:
        for n in numbers:
            await client.post_message(message(n))

    before = {name: sum(map(measure.cpu_seconds, pids)) for name, pids in place.pids().items()}
    began = time.perf_counter()
    await asyncio.gather(*(send() for _ in range(_SENDERS)))
    accepted = time.perf_counter() - began
    with psycopg.connect(url, autocommit=True) as conn:
        while (shown := _shown(conn)) < messages:
            await asyncio.sleep(0.5)
    seconds = time.perf_counter() - began
    spent = {name: sum(map(measure.cpu_seconds, pids)) - before[name] for name, pids in place.pids().items()}
    return {"messages": messages, "accepted_seconds": round(accepted, 1), "seconds": round(seconds, 1), "shown": shown,
            "per_second": round(messages / seconds, 1),
            "cpu": {name: round(value / messages, 4) for name, value in spent.items()}}  # fmt: skip


def _shown(conn: psycopg.Connection[Any]) -> int:
    """Cases that wait for people with their proposal on the page."""
    row = conn.execute("select count(*) from approvals where state = 'pending'").fetchone()
    assert row is not None
    return int(row[0])
