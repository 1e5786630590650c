"""Timers are rows: what happens when one is due. A timer never approves, rejects or resolves anything."""

from __future__ import annotations

from workflow_orchestration.store import approvals, decide, effects, lifecycle, log, threads, work
from workflow_orchestration.store.db import Conn, Row


async def run(conn: Conn, item: Row, policy: approvals.Policy) -> None:
    """Carry out one due timer and finish its item, in this transaction; a timer whose matter is over does nothing."""
    await work.lock(conn, str(item["id"]), item["epoch"])
    what, ref = item["payload"]["what"], item["payload"].get("ref", "")
    match what:
        case "approval_expiry":
            await _approval_expiry(conn, ref, policy)
        case "approval_expiring":
            await _approval_expiring(conn, ref, policy)
        case "external_timeout":
            await _external_timeout(conn, ref)
        case "case_expiry":
            await _case_expiry(conn, str(item["case_id"]))
        case _:
            raise ValueError(f"no timer is called {what!r}")
    await work.finish(conn, str(item["id"]), item["epoch"])


async def _approval_expiry(conn: Conn, approval_id: str, policy: approvals.Policy) -> None:
    """Undecided: to the next tier, under the same hash. At T3 the supervisor is told again."""
    seen = await approvals.get(conn, approval_id)
    await threads.lock(conn, str(seen["thread_id"]))
    approval = await approvals.lock(conn, approval_id)
    if approval["state"] != "pending":
        return
    await approvals.set_state(conn, approval_id, "superseded", what="expiry")
    answer = await decide.raise_tier(conn, approval, policy)
    said = {"approval_id": approval_id, "successor": answer["successor"], "tier": answer["tier"]}
    await effects.put_webhooks(conn, policy.webhook_urls, "approval.expired", str(seen["case_id"]), said)
    await log.append(conn, str(seen["case_id"]), [log.Entry("approval.expired", log.WORKER, said)])


async def _approval_expiring(conn: Conn, approval_id: str, policy: approvals.Policy) -> None:
    approval = await approvals.get(conn, approval_id)
    if approval["state"] != "pending":
        return
    said = {"approval_id": approval_id, "tier": approval["tier"], "expires_at": approval["expires_at"]}
    await effects.put_webhooks(conn, policy.webhook_urls, "approval.expiring", str(approval["case_id"]), said)
    await log.append(conn, str(approval["case_id"]), [log.Entry("approval.expiring", log.WORKER, said)])


async def _external_timeout(conn: Conn, interrupt_id: str) -> None:
    wait = await threads.get_wait(conn, interrupt_id)
    if wait is None:
        return
    thread = await threads.lock(conn, str(wait["thread_id"]))
    if await threads.answer(conn, interrupt_id, {"type": "timeout"}):
        await threads.settle(conn, thread)


async def _case_expiry(conn: Conn, case_id: str) -> None:
    """Only a deadline that its opener gave ends a case, and only with this."""
    if await lifecycle.is_expired(conn, case_id):
        await lifecycle.cancel(conn, case_id, actor=log.WORKER, status="expired")
