"""What operators do to an effect: try a refused one again, or withdraw one that has not left."""

from __future__ import annotations

from workflow_orchestration.domain.errors import Conflict
from workflow_orchestration.domain.roles import Principal
from workflow_orchestration.store import effects, log, threads, work
from workflow_orchestration.store.db import Conn, Row, one


async def retry_effect(conn: Conn, effect_id: str, principal: Principal, comment: str | None) -> Row:
    """Let a refused effect be judged and delivered again, with the same key."""
    effect, _ = await _locked(conn, effect_id, principal)
    if effect["state"] != "refused":
        raise Conflict(
            f"the effect is {effect['state']}; only a refused one is tried again",
            fix="Nothing is to be retried.",
            state=effect["state"],
        )
    await effects.set_state(conn, effect_id, "pending")
    await work.insert(
        conn,
        "deliver",
        case_id=str(effect["case_id"]),
        effect_id=effect_id,
        thread_id=str(effect["thread_id"]) if effect["thread_id"] else None,
    )
    await _say(conn, effect, "effect.retried", principal, comment)
    return await effects.get_visible(conn, effect_id, principal)


async def cancel_effect(conn: Conn, effect_id: str, principal: Principal, comment: str | None) -> Row:
    """Withdraw an effect that is pending or refused; `delivery_in_progress` when its receiver may have it already."""
    effect, thread = await _locked(conn, effect_id, principal)
    if effect["state"] not in ("pending", "refused"):
        raise Conflict(
            f"the effect is {effect['state']}; only a pending or refused one can be cancelled",
            fix="What has left cannot be called back; what is cancelled stays so.",
            state=effect["state"],
        )
    await effects.set_state(conn, effect_id, "cancelled")
    if thread is not None:
        await threads.settle(conn, thread)
    running = await one(conn, effects.SQL["delivery_in_progress"], {"id": effect_id}) is not None
    await _say(conn, effect, "effect.cancelled", principal, comment)
    return {**await effects.get_visible(conn, effect_id, principal), "delivery_in_progress": running}


async def _locked(conn: Conn, effect_id: str, principal: Principal) -> tuple[Row, Row | None]:
    seen = await effects.get_visible(conn, effect_id, principal)
    thread = await threads.lock(conn, str(seen["thread_id"])) if seen["thread_id"] else None
    return await effects.lock(conn, effect_id), thread


async def _say(conn: Conn, effect: Row, entry: str, principal: Principal, comment: str | None) -> None:
    await log.append(
        conn,
        str(effect["case_id"]),
        [
            log.Entry(
                entry,
                principal.actor(),
                {
                    "effect_id": str(effect["id"]),
                    "key": effects.idempotency_key(effect),
                    "before": effect["state"],
                    "comment": comment,
                },
            )
        ],
    )
