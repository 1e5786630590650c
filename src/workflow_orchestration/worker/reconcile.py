"""Repairs the windows between two commits, so that recovery needs no operator; and declares dead what cannot live.

Every thread that is neither ended nor waiting has exactly one live run; every pending effect has one delivery; a
wait whose matter has happened is settled; an item that used up its attempts is dead, with its thread and case.
Any number of workers may do this at once: unique indexes and row locks decide, and a loser changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from workflow_orchestration.store import effects, lifecycle, log, threads, work
from workflow_orchestration.store.db import Conn, Pool, Row, retrying
from workflow_orchestration.worker import runs
from workflow_orchestration.worker.metrics import ITEMS

_logger = structlog.get_logger(__name__)


async def reconcile(pool: Pool, *, max_attempts: int, webhook_urls: Sequence[str] = ()) -> int:
    """One pass; returns how many things were mended."""
    mended = 0
    async with pool.connection() as conn:
        stuck, undelivered = await threads.stuck(conn), await threads.undelivered(conn)
    for thread in stuck:
        mended += await retrying(pool, lambda conn, t=thread: _unstick(conn, t))  # type: ignore[misc]
    for effect in undelivered:
        mended += await retrying(pool, lambda conn, e=effect: _requeue(conn, e))  # type: ignore[misc]
    return mended + await retrying(pool, lambda conn: _bury(conn, max_attempts, webhook_urls))


async def _unstick(conn: Conn, seen: Row) -> int:
    thread = await threads.lock(conn, str(seen["id"]))
    if thread["state"] == "waiting":
        return int(await threads.settle(conn, thread))
    if thread["state"] != "live":
        return 0
    run = await work.insert(
        conn, "run", case_id=str(thread["case_id"]), thread_id=str(thread["id"]), payload={"continue": True}
    )
    return int(run is not None)


async def _requeue(conn: Conn, effect: Row) -> int:
    item = await work.insert(
        conn,
        "deliver",
        case_id=str(effect["case_id"]),
        effect_id=str(effect["id"]),
        thread_id=str(effect["thread_id"]) if effect["thread_id"] else None,
    )
    return int(item is not None)


async def _bury(conn: Conn, max_attempts: int, webhook_urls: Sequence[str]) -> int:
    dead = await work.exhausted(conn, max_attempts=max_attempts)
    for item in dead:
        why = f"{item['attempt']} attempts were used up; last error: {item['error'] or 'the worker died'}"
        ITEMS.labels(item["kind"], "dead").inc()
        _logger.error("work item is dead", item=str(item["id"]), kind=item["kind"], why=why)
        match item["kind"]:
            case "run":
                await runs.fail(conn, item, why)
            case "deliver":
                await _bury_delivery(conn, item, why, webhook_urls)
            case "deadline":
                await work.kill(conn, str(item["id"]), why)
                await lifecycle.tell_supervisor(
                    conn,
                    str(item["case_id"]),
                    source=str(item["id"]),
                    text=f"The timer {item['payload'].get('what')} could not be carried out: {why}.",
                )
    return len(dead)


async def _bury_delivery(conn: Conn, item: Row, why: str, webhook_urls: Sequence[str]) -> None:
    """The effect is refused: visible, with retry and cancel."""
    await work.kill(conn, str(item["id"]), why)
    effect_id, case_id = str(item["effect_id"]), str(item["case_id"])
    await effects.refuse(conn, effect_id, {"rule": "attempts", "detail": why})
    said = {"effect_id": effect_id, "rule": "attempts", "detail": why}
    await effects.put_webhooks(conn, webhook_urls, "effect.refused", case_id, said)
    await log.append(conn, case_id, [log.Entry("effect.refused", log.WORKER, said)])
