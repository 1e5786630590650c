"""The queue: rows that workers claim, under a lease and a fence.

Six statements carry it: claim, heartbeat, finish, release, dead (exhausted + kill) and fence. All times are the
database's. `epoch` counts claims and releases and is the fencing token: a worker that lost its item matches no
row any more, and every write of a worker checks that in its own transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from workflow_orchestration.domain.errors import LeaseLost
from workflow_orchestration.store.db import Conn, Row, jsonb, new_id, one, queries, rows

SQL = queries(__file__)
Kind = Literal["run", "deliver", "deadline"]


async def insert(
    conn: Conn,
    kind: Kind,
    *,
    payload: dict[str, Any] | None = None,
    case_id: str | None = None,
    thread_id: str | None = None,
    effect_id: str | None = None,
    not_before: datetime | None = None,
) -> str | None:
    """Queue an item; None when the thread (or effect) has a live one already, which then does the work."""
    row = await one(
        conn,
        SQL["insert"],
        {
            "id": new_id(),
            "kind": kind,
            "case_id": case_id,
            "thread_id": thread_id,
            "effect_id": effect_id,
            "payload": jsonb(payload or {}),
            "not_before": not_before,
        },
    )
    return str(row["id"]) if row else None


async def insert_in(conn: Conn, kind: Kind, *, seconds: float, payload: dict[str, Any], case_id: str) -> None:
    """Queue an item that is due in `seconds`, by the database's clock."""
    await conn.execute(
        SQL["insert_in"],
        {"id": new_id(), "kind": kind, "case_id": case_id, "payload": jsonb(payload), "seconds": seconds},
    )


async def claim(conn: Conn, *, worker: str, limit: int, lease: float, max_attempts: int) -> list[Row]:
    """Take up to `limit` items that are due or whose lease ran out."""
    return await rows(
        conn, SQL["claim"], {"worker": worker, "limit": limit, "lease": lease, "max_attempts": max_attempts}
    )


async def seconds_to_next(conn: Conn) -> float | None:
    """Until the next pending item is due; None when there is none."""
    row = await one(conn, SQL["next_due"])
    return row["wait"].total_seconds() if row and row["wait"] is not None else None


async def heartbeat(conn: Conn, items: dict[str, int], *, lease: float) -> dict[str, str | None]:
    """Renew the leases of {id: epoch}; returns {id: cancel request} of those still ours."""
    found = await rows(conn, SQL["heartbeat"], {"ids": list(items), "epochs": list(items.values()), "lease": lease})
    return {str(r["id"]): r["cancel"] for r in found}


async def fence(conn: Conn, item_id: str, epoch: int) -> None:
    """Hold the item's row for the rest of this transaction, or raise LeaseLost: first in every worker's write."""
    if await one(conn, SQL["fence"], {"id": item_id, "epoch": epoch}) is None:
        raise LeaseLost(f"work item {item_id} is no longer ours at epoch {epoch}")


async def lock(conn: Conn, item_id: str, epoch: int) -> Row:
    """The item's row, locked against claim, release and every fenced write; LeaseLost when it is not ours."""
    row = await one(conn, SQL["lock"], {"id": item_id, "epoch": epoch})
    if row is None:
        raise LeaseLost(f"work item {item_id} is no longer ours at epoch {epoch}")
    return row


async def finish(
    conn: Conn, item_id: str, epoch: int, *, status: Literal["done", "cancelled"] = "done", error: str | None = None
) -> None:
    """End an item. Call `lock` first, in the same transaction."""
    cursor = await conn.execute(SQL["finish"], {"id": item_id, "epoch": epoch, "status": status, "error": error})
    if cursor.rowcount != 1:
        raise LeaseLost(f"work item {item_id} is no longer ours at epoch {epoch}")


async def release(
    conn: Conn, item_id: str, epoch: int, *, charge: bool, delay: float = 0, error: str | None = None
) -> bool:
    """Give an item back; False when it was not ours any more."""
    return (
        await one(
            conn,
            SQL["release"],
            {"id": item_id, "epoch": epoch, "uncharge": 0 if charge else 1, "delay": delay, "error": error},
        )
        is not None
    )


async def exhausted(conn: Conn, *, max_attempts: int) -> list[Row]:
    return await rows(conn, SQL["exhausted"], {"max_attempts": max_attempts})


async def kill(conn: Conn, item_id: str, error: str) -> None:
    await conn.execute(SQL["kill"], {"id": item_id, "error": error})


async def live_run(conn: Conn, thread_id: str) -> Row | None:
    """The thread's pending or running run, locked."""
    return await one(conn, SQL["live_run"], {"thread_id": thread_id})


async def request_cancel(conn: Conn, item_id: str, by: str) -> None:
    """Ask the owner of a running item to stop; its next heartbeat tells it, and its finish obeys."""
    await conn.execute(SQL["request_cancel"], {"id": item_id, "by": by})


async def cancel_pending(conn: Conn, case_id: str, kinds: Sequence[Kind]) -> None:
    await conn.execute(SQL["cancel_pending"], {"case_id": case_id, "kinds": list(kinds)})


async def due_now(conn: Conn, effects: Sequence[str]) -> None:
    """Let waiting deliveries of these effects be tried (and judged) at once."""
    await conn.execute(SQL["due_now"], {"effects": list(effects)})
