"""The measured rows, a function each: every one starts what it needs on a fresh database and returns plain data."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import peers
from benchmarks.engine import burst, measure, site
from benchmarks.engine.our_client import OurClient
from benchmarks.engine.site import ROOT, Site
from ci.local.postgres import OWNER, WORKER, Server

#: One worker as configured for load; everything else is the default.
LOAD_SETTINGS = {"worker_concurrency": 16, "database_pool_size": 20}
_GRAPH = Path(__file__).with_name("plain_graph.py")


async def plain(server: Server, folder: Path, *, workflows: int, concurrent: int) -> dict[str, Any]:
    """(a), in a process of its own."""
    with server.copy_of(await asyncio.to_thread(site.template, server)) as database:
        command = [sys.executable, "-m", "benchmarks.engine.plain", server.url(OWNER, database), str(workflows),
                   str(concurrent), str(server.pid)]  # fmt: skip
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, cwd=ROOT)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return dict(json.loads(done.stdout))


async def ours(server: Server, folder: Path, *, workflows: int, concurrent: int) -> dict[str, Any]:
    """(b): one api and one worker, every promise kept, over HTTP."""
    async with site.running(server, folder / "ours", **LOAD_SETTINGS) as place:
        client = OurClient(place)
        await client.one("warm")

        async def one(n: int) -> None:
            await client.one(f"load-{n}")

        found = await measure.load("ours", one, workflows=workflows, concurrent=concurrent, pids=place.pids(),
                                   settings={**LOAD_SETTINGS, "api": 1, "workers": 1})  # fmt: skip
    return found.as_json()


async def low_load(server: Server, folder: Path, *, workflows: int) -> dict[str, Any]:
    """One workflow at a time, default settings: from the decision to the end, and from an entry to its reader."""
    decided: list[float] = []
    delays: list[float] = []
    async with site.running(server, folder / "low") as place:
        client = OurClient(place)
        await client.one("warm")
        for n in range(workflows):
            seconds, told = await client.one(f"low-{n}")
            decided.append(seconds)
            # the first entries were written before anybody listened
            delays += [e.received - e.written for e in told if "at" in e.data and e.type.startswith("bench.")]
    return {"decision_to_end": measure.summary(decided), "event_to_client": measure.summary(delays)}


async def peer(server: Server, folder: Path, make: Any, *, workflows: int, concurrent: int) -> dict[str, Any]:
    """(c) and (d), driven by a client that waits for each run as they document it."""
    name = make.__name__.replace("_", "-")
    database = f"bench_{make.__name__}_{os.getpid()}"
    await asyncio.to_thread(server.create_database, database)
    try:
        async with peers.running(make, folder / name, _GRAPH, server.url(OWNER, database)) as served:
            client = peers.PeerClient(served.base_url)
            await client.one(0)
            pids = {"servers": served.pids(), "postgres": [server.pid or 0]}
            found = await measure.load(served.name, client.one, workflows=workflows, concurrent=concurrent, pids=pids,
                                       settings=served.settings)  # fmt: skip
            resumed = []
            for _ in range(50):
                paused = await client.begin()
                began = time.perf_counter()
                await client.resume(*paused)
                resumed.append(time.perf_counter() - began)
    finally:
        server.drop_database(database)
    return {**found.as_json(), "decision_to_end": measure.summary(resumed), "versions": peers.versions(name)}


async def takeover(server: Server, folder: Path, how: signal.Signals, *, times: int) -> dict[str, Any]:
    """Two workers, default settings; the one at work is killed or frozen: seconds until the other's first entry."""
    took = []
    effects = 0
    for n in range(times):
        async with site.running(server, folder / f"{how.name}-{n}", workers=2) as place:
            client = OurClient(place)
            took.append(await _taken_over(client, place, f"takeover-{n}", how))
            effects += len([f for f in place.outbox.glob("*") if not f.name.startswith(".")])
    return {**measure.summary(took), "effects": effects, "cases": times}


async def _taken_over(client: OurClient, place: Site, key: str, how: signal.Signals) -> float:
    case_id = await client.open(key, effect=True, slow=3)
    struck = taken = 0.0
    pid = 0
    async for event in client.follow(case_id):
        if event.type == "bench.received" and not struck:
            pid = _owner_of(place, case_id)
            os.kill(pid, how)
            struck = time.time()
        elif event.type == "bench.gathered" and not taken:
            taken = event.received
            os.kill(pid, signal.SIGCONT) if how is signal.SIGSTOP else None
        elif event.type == "approval.opened":
            await client.decide(event.data["data"])
        elif event.type == "end":
            assert await client.status(case_id) == "resolved", "the case did not end well"
            return taken - struck
    raise RuntimeError("the stream ended before the case")


def _owner_of(place: Site, case_id: str) -> int:
    """The process that runs the case: workers name themselves host:pid on the item."""
    with psycopg.connect(place.server.url(WORKER, place.database)) as conn:
        row = conn.execute(_RUNNING, (case_id,)).fetchone()
    assert row is not None
    return int(row[0].rsplit(":", 1)[1])


_RUNNING = "select worker from work_items where case_id = %s and status = 'running' and kind = 'run'"


async def ended_items(
    server: Server, folder: Path, *, many: int, few: int = 1_000, items: int = 2_000
) -> dict[str, Any]:
    """Items a second of one worker (timers whose matter is over), with few and with many ended items in the table."""
    rates: dict[int, list[float]] = {few: [], many: []}
    async with site.running(server, folder / "ended", **LOAD_SETTINGS) as place:
        with psycopg.connect(server.url(OWNER, place.database), autocommit=True) as conn:
            there = 0
            for ended in (few, many):
                conn.execute(_ENDED, {"first": there + 1, "last": ended})
                conn.execute("analyze work_items")
                there = ended
                for _ in range(4):
                    rates[ended].append(await _drain(conn, items))
    best = {ended: max(found[1:]) for ended, found in rates.items()}  # the first round warms up
    return {"rates": {str(k): v for k, v in rates.items()}, "few": best[few], "many": best[many],
            "ratio": round(best[many] / best[few], 3), "ended": many}  # fmt: skip


async def _drain(conn: psycopg.Connection[Any], items: int) -> float:
    began = time.perf_counter()
    conn.execute(_DUE, {"items": items})
    conn.execute("select pg_notify('wo', 'work')")
    while conn.execute(_ANY_LEFT).fetchone() != (False,):
        await asyncio.sleep(0.02)
    return round(items / (time.perf_counter() - began), 1)


_ENDED = """
insert into work_items (id, kind, status, payload, not_before, finished_at)
select lpad(to_hex(n), 32, '0')::uuid, 'deadline', 'done', '{"what": "external_timeout", "ref": "x"}', now(), now()
from generate_series(%(first)s::int, %(last)s::int) n
"""
#: Each half has its partial index: the question must not cost what it measures.
_ANY_LEFT = """
select exists (select from work_items where status = 'pending')
    or exists (select from work_items where status = 'running')
"""
_DUE = """
insert into work_items (id, kind, payload)
select uuidv7(), 'deadline', '{"what": "external_timeout", "ref": "x"}' from generate_series(1, %(items)s)
"""


async def burst_of(server: Server, folder: Path, *, messages: int) -> dict[str, Any]:
    """Messages at once, until every case shows its proposal."""
    async with site.running(server, folder / "burst", **LOAD_SETTINGS) as place:
        return await burst.play(OurClient(place), place, messages)
