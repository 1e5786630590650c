"""The investigator's look-ups: read-only, each on its own, each giving evidence that may be cited."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from workflow_orchestration.domain import calendars
from workflow_orchestration.domain.answers import Tool
from workflow_orchestration.domain.canonical import canonical, sha256
from workflow_orchestration.domain.errors import NotFound
from workflow_orchestration.domain.facts import Evidence
from workflow_orchestration.domain.propose import gather_evidence
from workflow_orchestration.store import cases
from workflow_orchestration.store.db import Conn
from workflow_orchestration.workflows.settlement.gather import Gathered

Look = Callable[[Conn, Gathered], Awaitable[tuple[Evidence, ...]]]
_SIMILAR = 5


def _rows(*names: str) -> Look:
    async def look(_conn: Conn, found: Gathered) -> tuple[Evidence, ...]:
        held = tuple(e for e in gather_evidence(found.facts, names) if e.id in names)
        if not held:
            raise NotFound(f"nothing is on file: {', '.join(names)}")
        return held

    return look


async def _cutoffs(_conn: Conn, found: Gathered) -> tuple[Evidence, ...]:
    market = found.facts.market
    if market is None:
        raise NotFound("no market is on file for the account")
    coming = calendars.next_cutoff(market, found.facts.now)
    return (_computed("cutoffs", {"market": market.market, "next_cutoff": coming, "local_times": market.cutoffs}),)


async def _chasers(_conn: Conn, found: Gathered) -> tuple[Evidence, ...]:
    return (_computed("chasers", {"sent": len(found.facts.chases), "chasers": found.facts.chases}),)


async def _similar(conn: Conn, found: Gathered) -> tuple[Evidence, ...]:
    rows = await cases.similar(conn, found.case, limit=_SIMILAR)
    return (_computed("similar_cases", {"found": len(rows), "cases": rows}),)


def _computed(name: str, value: dict[str, Any]) -> Evidence:
    text = canonical(value).decode()
    return Evidence(id=name, source="looked up by code", excerpt=text, sha256=sha256(text.encode()))


TOOLS: dict[Tool, Look] = {
    "positions": _rows("stock", "cash"),
    "instructions_on_file": _rows("ssi", "account"),
    "security": _rows("security"),
    "cutoffs": _cutoffs,
    "chasers": _chasers,
    "similar_cases": _similar,
}
