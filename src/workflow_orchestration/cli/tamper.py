"""Does `verify` name what an owner of the database can do to the log? Tried on a copy, one way after the other.

The copy is temporary tables in one transaction that is never committed: whatever happens to this process, nothing
stays. Anchors are read before the copy is made, so the copy holds all that they saw.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection, IsolationLevel
from psycopg.rows import dict_row

from workflow_orchestration.cli.exits import CheckFailed, Unreachable
from workflow_orchestration.store import log
from workflow_orchestration.store.db import Conn, jsonb, queries, rows
from workflow_orchestration.store.verify import Anchors, Report, read_anchors, verify

SQL = queries(__file__)


@dataclass(frozen=True)
class Victim:
    """Where it is tried: entry `seq` of a stream of `length` entries; an anchor saw entry `anchored` >= `seq`."""

    stream: str
    seq: int
    length: int
    anchored: int


@dataclass(frozen=True)
class Tampering:
    """One way: what `verify` must call it, and whether only the anchor can show it."""

    what: str
    kind: str
    do: Callable[[Conn, Victim], Awaitable[None]]
    needs_anchor: bool = False


@dataclass(frozen=True)
class Trial:
    """How `verify` took one tampering; `found` are its findings, as text."""

    what: str
    passed: bool
    found: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


async def _flip(conn: Conn, victim: Victim) -> None:
    await conn.execute(SQL["flip"], vars(victim))


async def _delete(conn: Conn, victim: Victim) -> None:
    await conn.execute(SQL["delete"], vars(victim))


async def _truncate(conn: Conn, victim: Victim) -> None:
    await conn.execute(SQL["truncate"], vars(victim))


async def _truncate_and_rewind(conn: Conn, victim: Victim) -> None:
    """As truncate, and the stream says that it was never longer."""
    first, *_ = await rows(conn, SQL["entries_from"], vars(victim))
    await _truncate(conn, victim)
    await conn.execute(SQL["set_head"], {"stream": victim.stream, "seq": victim.seq - 1, "head": first["prev"]})


async def _rewrite(conn: Conn, victim: Victim) -> None:
    """Another content, and every hash from there on computed anew: a chain without a fault."""
    tail = await rows(conn, SQL["entries_from"], vars(victim))
    prev = tail[0]["prev"]
    tail[0]["data"] = {**tail[0]["data"], "tampered": True}
    for row in tail:
        row["prev"] = prev
        row["hash"] = prev = log.entry_hash(row)
        await conn.execute(SQL["rewrite"], {**row, "data": jsonb(row["data"])})
    await conn.execute(SQL["set_head"], {"stream": victim.stream, "seq": victim.length, "head": prev})


TAMPERINGS = (
    Tampering("flip a bit of an entry", "changed", _flip),
    Tampering("delete an entry", "deleted", _delete),
    Tampering("truncate the tail", "truncated", _truncate),
    Tampering("truncate the tail and rewind the counter", "truncated", _truncate_and_rewind, needs_anchor=True),
    Tampering("rewrite an entry and recompute the chain", "rewritten", _rewrite, needs_anchor=True),
)


async def run(url: str, anchor_file: Path | None) -> list[Trial]:
    """Every tampering on a copy of the log of `url`; CheckFailed when there is nothing sound to try it on."""
    anchors = read_anchors(anchor_file)
    conn: Conn
    async with await AsyncConnection.connect(url, autocommit=True, row_factory=dict_row) as conn:
        await conn.set_isolation_level(IsolationLevel.REPEATABLE_READ)
        async with conn.transaction(force_rollback=True):
            await _copy(conn)
            _check_sound(await verify(conn, anchors))
            victim = await _victim(conn, anchors)
            return [await _try(conn, anchors, victim, tampering) for tampering in TAMPERINGS]


async def _copy(conn: Conn) -> None:
    for block in ("copy_streams", "copy_entries", "fill_streams", "fill_entries", "analyze"):
        await conn.execute(SQL[block])


def _check_sound(report: Report) -> None:
    if not report.valid:
        first = report.findings[0]
        raise CheckFailed(f"the log is invalid already: {first.kind} {first.stream}/{first.seq}: {first.detail}",
                          "See `wo log verify`.")  # fmt: skip


async def _victim(conn: Conn, anchors: Anchors) -> Victim:
    """The longest stream whose anchor has seen its second entry or a later one."""
    for row in await rows(conn, SQL["longest"]):
        anchored = max((seq for seq in anchors.get(row["stream"], {}) if 2 <= seq <= row["seq"]), default=0)
        if anchored:
            seq = min(anchored, row["seq"] - 1)  # an entry that has one before it and one after it
            return Victim(row["stream"], seq, row["seq"], anchored)
    raise CheckFailed("no stream of three entries or more has an anchor, so a rewrite could not be shown",
                      "Let the worker run until LOG_ANCHOR_FILE has a line, then try again.")  # fmt: skip


async def _try(conn: Conn, anchors: Anchors, victim: Victim, tampering: Tampering) -> Trial:
    """Tamper, verify with the anchors and without, and undo it."""
    async with conn.transaction(force_rollback=True):
        await tampering.do(conn, victim)
        report = await verify(conn, anchors, stream=victim.stream)
        alone = await verify(conn, {}, stream=victim.stream)
    named = any(f.kind == tampering.kind for f in report.findings)
    as_expected = alone.valid if tampering.needs_anchor else not alone.valid
    found = [f"{f.kind} {f.stream}/{f.seq}: {f.detail}" for f in report.findings]
    if tampering.needs_anchor:
        found.append("without the anchor: nothing" if alone.valid else "found without the anchor too")
    return Trial(tampering.what, named and as_expected, tuple(found))


def unreachable(error: psycopg.OperationalError) -> Unreachable:
    return Unreachable(str(error).strip(), "Start PostgreSQL, or correct DATABASE_OWNER_URL.")
