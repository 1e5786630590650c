"""The log: one append-only, hash-chained stream a case (and `system`), in commit order.

An entry's hash covers all it says and the hash before it. The stream's row is locked from the append to the
commit, so sequence order is commit order, for api and worker alike. Append last in a transaction: it is the last
lock of the order item -> thread -> approval -> effect -> task -> case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from workflow_orchestration.domain.canonical import plain, sha256, written
from workflow_orchestration.store.db import Conn, Row, one, queries, rows

SQL = queries(__file__)
SYSTEM = "system"
_HASHED = ("stream", "seq", "at", "actor", "type", "data", "run_id", "task_id", "epoch", "n", "prev")


@dataclass(frozen=True)
class Entry:
    """One fact. `run_id`, `task_id`, `epoch`, `n` are set for entries of a graph's node."""

    type: str
    actor: dict[str, Any]
    data: dict[str, Any] = field(default_factory=dict)
    run_id: str | None = None
    task_id: str | None = None
    epoch: int | None = None
    n: int | None = None


WORKER = {"type": "service", "id": "worker"}
#: What an exported entry says: all that is hashed, and the hash, so that anybody can check it.
_TOLD = (*_HASHED, "hash")


def entry_hash(row: Row) -> str:
    """The hash of an entry as stored; `verify` computes it again."""
    return sha256({name: row[name] for name in _HASHED})


def as_told(row: Row) -> dict[str, Any]:
    """An entry for people and exports, in the very form that is hashed; `superseded` where it is known."""
    told = {name: plain(row[name]) for name in _TOLD}
    return {**told, "superseded": row["superseded"]} if "superseded" in row else told


async def append(conn: Conn, stream: str, entries: Sequence[Entry]) -> int:
    """Append entries in order; returns the last sequence number."""
    head = await one(conn, SQL["lock_stream"], {"stream": stream})
    assert head is not None
    seq, prev, chained = head["seq"], head["head"], []
    for entry in entries:
        seq += 1
        row = plain({**vars(entry), "stream": stream, "seq": seq, "at": head["at"], "prev": prev})
        prev = row["hash"] = sha256(written(row))
        chained.append(row)
    params = {"stream": stream, "at": head["at"], "entries": Jsonb(chained, dumps=written), "seq": seq, "head": prev}
    await conn.execute(SQL["append"], params)
    return int(seq)


async def read(conn: Conn, stream: str, *, after: int = 0, limit: int = 500) -> list[Row]:
    """Entries after a sequence number; `superseded` marks those of a node that ran again after a crash."""
    return await rows(conn, SQL["read"], {"stream": stream, "after": after, "limit": limit})


Position = tuple[datetime, str, int]


async def period_page(
    conn: Conn, start: datetime, end: datetime, *, after: Position | None = None, limit: int = 1000
) -> tuple[list[Row], Position | None]:
    """Entries of [start, end) over all streams after a position, and the next position; None at the end.

    A page at a time, so that a slow reader of an export holds no connection.
    """
    at, stream, seq = after or (start, "", 0)
    found = await rows(
        conn,
        SQL["period"],
        {"start": start, "end": end, "after_at": at, "after_stream": stream, "after_seq": seq, "limit": limit},
    )
    last = (found[-1]["at"], found[-1]["stream"], found[-1]["seq"]) if len(found) == limit else None
    return found, last


async def horizon(conn: Conn, end: datetime) -> str | None:
    """Mark of the transactions that may still write entries before `end`; None while `end` has not come.

    An entry's transaction has its id before the entry has its time, so whoever writes before `end` has begun.
    """
    row = await one(conn, SQL["horizon"], {"end": end})
    return row["mark"] if row else None


async def passed(conn: Conn, mark: str) -> bool:
    """Have all transactions before the mark ended? Then a period read now has no hole."""
    row = await one(conn, SQL["passed"], {"mark": mark})
    return bool(row and row["passed"])


async def newest(conn: Conn, streams: Sequence[str]) -> dict[str, int]:
    """Last sequence number of each stream."""
    return {r["stream"]: r["seq"] for r in await rows(conn, SQL["newest"], {"streams": list(streams)})}


async def heads_since(conn: Conn, since: datetime) -> list[Row]:
    return await rows(conn, SQL["heads_since"], {"since": since})
