"""The log: one append-only, hash-chained stream a case (and `system`), in commit order.

An entry's hash covers all it says and the hash before it. The stream's row is locked from the append to the
commit, so sequence order is commit order, for api and worker alike. Append last in a transaction: it is the last
lock of the order item -> thread -> approval -> effect -> task -> case.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from workflow_orchestration.domain.canonical import plain, sha256
from workflow_orchestration.store.db import Conn, Row, jsonb, one, queries, rows

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


def entry_hash(row: Row) -> str:
    """The hash of an entry as stored; `verify` computes it again."""
    return sha256({name: row[name] for name in _HASHED})


async def append(conn: Conn, stream: str, entries: Sequence[Entry]) -> int:
    """Append entries in order; returns the last sequence number."""
    head = await one(conn, SQL["lock_stream"], {"stream": stream})
    assert head is not None
    seq, prev = head["seq"], head["head"]
    for entry in entries:
        seq += 1
        row: Row = {"stream": stream, "seq": seq, "at": head["at"], "type": entry.type, "prev": prev,
                    "actor": plain(entry.actor), "data": plain(entry.data), "run_id": entry.run_id,
                    "task_id": entry.task_id, "epoch": entry.epoch, "n": entry.n}
        prev = row["hash"] = entry_hash(row)
        await conn.execute(SQL["insert_entry"], {**row, "actor": jsonb(row["actor"]), "data": jsonb(row["data"])})
    await conn.execute(SQL["advance_stream"], {"stream": stream, "seq": seq, "head": prev})
    return int(seq)


async def read(conn: Conn, stream: str, *, after: int = 0, limit: int = 500) -> list[Row]:
    """Entries after a sequence number; `superseded` marks those of a node that ran again after a crash."""
    return await rows(conn, SQL["read"], {"stream": stream, "after": after, "limit": limit})


async def period(conn: Conn, start: datetime, end: datetime, *, page: int = 1000) -> AsyncIterator[Row]:
    """Every entry of [start, end) over all streams, complete up to the oldest transaction still open."""
    after: tuple[datetime, str, int] = (start, "", 0)
    while True:
        found = await rows(conn, SQL["period"], {"start": start, "end": end, "after_at": after[0],
                                                 "after_stream": after[1], "after_seq": after[2], "limit": page})
        for row in found:
            yield row
        if len(found) < page:
            return
        after = (found[-1]["at"], found[-1]["stream"], found[-1]["seq"])


async def newest(conn: Conn, streams: Sequence[str]) -> dict[str, int]:
    """Last sequence number of each stream."""
    return {r["stream"]: r["seq"] for r in await rows(conn, SQL["newest"], {"streams": list(streams)})}


async def heads_since(conn: Conn, since: datetime) -> list[Row]:
    return await rows(conn, SQL["heads_since"], {"since": since})
