"""Repairs the windows between two commits, so that recovery needs no operator; and declares dead what cannot live.

Every thread that is neither ended nor waiting has exactly one live run; every pending effect has one delivery; a
wait whose matter has happened is settled; an item that used up its attempts is dead, with its thread and case.
Any number of workers may do this at once: unique indexes and row locks decide, and a loser changes nothing.
"""

from __future__ import annotations

import structlog

from workflow_orchestration.store import effects, log, threads, work
from workflow_orchestration.store.db import Conn, Pool, Row, retrying
from workflow_orchestration.worker import runs
from workflow_orchestration.worker.metrics import ITEMS

_logger = structlog.get_logger(__name__)


async def reconcile(pool: Pool, *, max_attempts: int) -> int:
    """One pass; returns how many things were mended."""
    mended = 0
    async with pool.connection() as conn:
        stuck, undelivered = await threads.stuck(conn), await threads.undelivered(conn)
    for thread in stuck:
        mended += await retrying(pool, lambda conn, t=thread: _unstick(conn, t))  # type: ignore[misc]
    for effect in undelivered:
        mended += await retrying(pool, lambda conn, e=effect: _requeue(conn, e))  # type: ignore[misc]
    return mended + await retrying(pool, lambda conn: _bury(conn, max_attempts))


async def _unstick(conn: Conn, seen: Row) -> int:
    thread = await threads.lock(conn, str(seen["id"]))
    if thread["state"] == "waiting":
        return int(await threads.settle(conn, thread))
    if thread["state"] != "live":
        return 0
    run = await work.insert(conn, "run", case_id=str(thread["case_id"]), thread_id=str(thread["id"]),
                            payload={"continue": True})
    return int(run is not None)


async def _requeue(conn: Conn, effect: Row) -> int:
    item = await work.insert(conn, "deliver", case_id=str(effect["case_id"]), effect_id=str(effect["id"]),
                             thread_id=str(effect["thread_id"]) if effect["thread_id"] else None)
    return int(item is not None)


async def _bury(conn: Conn, max_attempts: int) -> int:
    dead = await work.exhausted(conn, max_attempts=max_attempts)
    for item in dead:
        why = f"{item['attempt']} attempts were used up; last error: {item['error'] or 'the worker died'}"
        ITEMS.labels(item["kind"], "dead").inc()
        _logger.error("work item is dead", item=str(item["id"]), kind=item["kind"], why=why)
        match item["kind"]:
            case "run":
                await runs.fail(conn, item, why)
            case "deliver":
                await work.kill(conn, str(item["id"]), why)
                await effects.refuse(conn, str(item["effect_id"]), {"rule": "attempts", "detail": why})
                await log.append(conn, str(item["case_id"]), [log.Entry("effect.refused", log.WORKER, {
                    "effect_id": str(item["effect_id"]), "rule": "attempts", "detail": why})])
            case "deadline":
                await work.kill(conn, str(item["id"]), why)
    return len(dead)


