"""One story, played on a database of its own: WO-1002's amount is wrong, two people approve, cancel, replace, match.

The player is outside the worker: it posts messages, decides, waits, and revives the worker when it was killed. What
it returns is everything by which two endings could differ.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ci.local.killing import Kill, Workers
from workflow_orchestration.domain import book as books
from workflow_orchestration.domain import messages
from workflow_orchestration.domain.roles import Principal, Role
from workflow_orchestration.store import approvals, book, cases, decide, log, verify
from workflow_orchestration.store import messages as message_store
from workflow_orchestration.store.approvals import Policy
from workflow_orchestration.store.db import Conn, Pool, make_pool, retrying, rows
from workflow_orchestration.store.notify import CHANNEL, WORK

SAMPLE = Path(__file__).resolve().parents[2] / "src" / "workflow_orchestration" / "sample"
_EVERYWHERE = frozenset({"*"})
_DESK = Principal("desk", frozenset({Role.REQUESTER}), _EVERYWHERE)
_ANN = Principal("ann", frozenset({Role.OPS_APPROVER}), _EVERYWHERE)
_BEN = Principal("ben", frozenset({Role.OPS_APPROVER}), _EVERYWHERE)
_POLICY = Policy(approval_minutes=60, warning_minutes=15)
_PATIENCE = 60.0


@dataclass(frozen=True)
class Ending:
    """How a story ended: equal endings mean nothing was lost and nothing doubled."""

    case: dict[str, Any]
    effects: list[tuple[str, str, str]]
    files: list[str]
    approvals: list[tuple[str, bool, list[str]]]
    standing_entries: list[str]
    log_valid: bool
    open_items: int


async def load_book(url: str) -> None:
    """The sample book, straight through the store's door."""
    found = json.loads((SAMPLE / "book.json").read_text(encoding="utf-8"))
    async with make_pool(url, size=2, name="story") as pool:
        for kind, values in found.items():
            parsed = [books.KINDS[kind].model_validate(v) for v in values]
            await retrying(pool, lambda c, k=kind, p=parsed: book.put(c, k, p, _DESK.actor()))  # type: ignore[misc]


def sample(name: str) -> str:
    return (SAMPLE / "messages" / f"{name}.fin").read_bytes().decode()


def matched(reference: str) -> str:
    """The synthetic match of a replacement."""
    text = sample("mt548-mach-WO-1001").replace("WO-1001", reference)
    return text.replace("CSD261120001001", "CSD261124009999")


class Player:
    """Desk and people. Every wait looks after the worker too."""

    def __init__(self, pool: Pool, workers: Workers) -> None:
        self._pool = pool
        self._workers = workers

    async def play(self, outbox: Path) -> Ending:
        case_id = await self._post(sample("mt548-nmat-dmon-WO-1002"))
        approval = await self._wait(lambda c: self._pending(c, case_id))
        for person in (_ANN, _BEN):
            await self._decide(approval, person)
        await self._wait(lambda c: self._delivered(c, case_id, 1))
        await self._post(sample("mt548-cand-WO-1002"))
        await self._wait(lambda c: self._delivered(c, case_id, 2))
        await self._post(matched("WO-1002-R1"))
        await self._wait(lambda c: self._ended(c, case_id))
        return await self._ending(case_id, outbox)

    async def _post(self, text: str) -> str:
        parsed = messages.parse(text)
        accepted = await retrying(self._pool, lambda c: message_store.accept(c, parsed, text, _DESK))
        await self._wake()
        return str(accepted.items[0]["case_id"])

    async def _decide(self, approval: dict[str, Any], person: Principal) -> None:
        body = {"decision": "approve", "payload_hash": approval["payload_hash"]}
        await retrying(self._pool, lambda c: decide.decide(c, str(approval["id"]), body, person, _POLICY))
        await self._wake()

    async def _wake(self) -> None:
        async with self._pool.connection() as conn:
            await conn.execute("select pg_notify(%s, %s)", (CHANNEL, WORK))

    async def _wait(self, look: Callable[[Conn], Awaitable[Any]]) -> Any:
        async with asyncio.timeout(_PATIENCE):
            while True:
                self._workers.revive()
                async with self._pool.connection() as conn:
                    found = await look(conn)
                if found:
                    return found
                await asyncio.sleep(0.03)

    async def _pending(self, conn: Conn, case_id: str) -> Any:
        found = await approvals.page(conn, _ANN, state="pending", case_id=case_id)
        return found[0] if found else None

    async def _delivered(self, conn: Conn, case_id: str, count: int) -> bool:
        found = await rows(
            conn, "select 1 from effects where case_id = %(id)s and state = 'delivered'", {"id": case_id}
        )
        return len(found) >= count

    async def _ended(self, conn: Conn, case_id: str) -> bool:
        return bool((await cases.get(conn, case_id))["status"] != "open")

    async def _ending(self, case_id: str, outbox: Path) -> Ending:
        async with self._pool.connection() as conn:
            case = await cases.get(conn, case_id)
            effects = await rows(
                conn,
                "select step, state, payload from effects where case_id = %(id)s order by created_at",
                {"id": case_id},
            )
            asked = await rows(conn, _APPROVALS, {"id": case_id})
            entries = await log.read(conn, case_id)
            proof = await verify.verify(conn, {})
            left = await rows(
                conn, "select 1 from work_items where status in ('pending', 'running') and kind <> 'deadline'"
            )
        return Ending(
            case={k: case[k] for k in ("status", "phase", "root_cause", "fault_side", "key")},
            effects=[(e["step"], e["state"], _undated(e["payload"])) for e in effects],
            files=_files(outbox),
            approvals=[(a["state"], a["payload_hash"] == a["proposed"], a["by"]) for a in asked],
            standing_entries=sorted(e["type"] for e in entries if not e["superseded"]),
            log_valid=proof.valid,
            open_items=len(left),
        )


_APPROVALS = """
select a.state, a.payload_hash, p.payload_hash as proposed, array_agg(d.actor order by d.actor) as by
from approvals a join proposals p on p.id = a.proposal_id left join decisions d on d.approval_id = a.id
where a.case_id = %(id)s group by a.id, p.id order by a.opened_at
"""


def _files(outbox: Path) -> list[str]:
    """What the receiver has: read apart from the database."""
    return sorted(_undated(p.read_text(encoding="utf-8")) for p in outbox.glob("*.fin"))


def _undated(text: str) -> str:
    """A message without its preparation time: the one thing that two tellings may differ in."""
    return re.sub(r":98C::PREP//\d+", ":98C::PREP//", text)


def worker_settings(url: str, folder: Path) -> dict[str, Any]:
    """A worker that loses its lease in a second, so that a takeover is soon seen."""
    return {
        "database_url": url,
        "effects_url": f"file:{folder / 'outbox'}",
        "log_anchor_file": folder / "anchor.jsonl",
        "lease_seconds": 1.0,
        "heartbeat_seconds": 0.3,
        "worker_concurrency": 4,
        "log_level": "error",
    }


async def tell(url: str, folder: Path, *, kill: Kill | None = None, windows: Path | None = None) -> tuple[Ending, int]:
    """Play the story against a worker that dies as told; returns the ending and how often it died."""
    workers = Workers(worker_settings(url, folder))
    workers.start(kill, windows)
    async with make_pool(url, size=2, name="story") as pool:
        try:
            return await Player(pool, workers).play(folder / "outbox"), workers.deaths
        finally:
            await workers.stop()
