"""How a case begins for a scheduler and how any case ends: ensure, cancel, expire, and the one `end`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workflow_orchestration.domain.errors import Conflict, NotFound, NotOwner
from workflow_orchestration.domain.roles import Principal
from workflow_orchestration.store import approvals, cases, effects, log, tasks, threads, work
from workflow_orchestration.store.db import Conn, RacedError, Row, one

#: Phase a case ends in, by how it ended.
_LAST_PHASE = {
    "resolved": "CLOSED",
    "rejected": "CLOSED",
    "failed": "ESCALATED",
    "cancelled": "CANCELLED",
    "expired": "CANCELLED",
}


@dataclass(frozen=True)
class Ensured:
    """What `ensure` found or did: created, attached (active, or ended well) or restarted."""

    case: Row
    what: str
    attempt: int


async def ensure(conn: Conn, new: cases.NewCase, *, restart_on: Sequence[str], principal: Principal) -> Ensured:
    """The case of a stable key: opened if there is none, restarted if it ended in one of `restart_on`, else attached.

    The caller becomes its owner: an earlier owner's cancel is then refused.
    """
    case, fresh = await cases.open_case(conn, new, principal.actor())
    if fresh:
        await cases.add_references(conn, case, [new.reference])
        return Ensured(case, "created", 1)
    if not principal.sees(case["desk"]):
        raise NotFound(f"there is no case {new.key} of workflow {new.workflow}")
    case_id = str(case["id"])
    thread = await cases.current_thread(conn, case_id, lock=True)
    case = await cases.get(conn, case_id)
    if case["status"] in restart_on:
        await cases.reopen(
            conn, case, principal.actor(), f"ensure after {case['status']}", owner=new.owner, expires_at=new.expires_at
        )
        if new.expires_at is not None:
            await work.insert(
                conn, "deadline", case_id=case_id, not_before=new.expires_at, payload={"what": "case_expiry"}
            )
        return Ensured(await cases.get(conn, case_id), "restarted", thread["n"] + 1)
    if new.owner is not None and new.owner != case["owner"]:
        case = await cases.change(conn, case_id, principal.actor(), "case.owner", owner=new.owner)
    return Ensured(case, "attached", thread["n"])


async def cancel(
    conn: Conn, case_id: str, *, actor: dict[str, Any], status: str = "cancelled", owner: str | None = None
) -> str:
    """End an open case for a person or a deadline; `cancelling` when its worker must stop first.

    `owner` given: only the current owner may (a scheduler's late clean-up must not stop its successor's run).
    """
    case = await cases.get(conn, case_id)
    if owner is not None and owner != case["owner"]:
        raise NotOwner(f"{owner} is not the owner of this case", owner=case["owner"])
    thread_id = str((await cases.current_thread(conn, case_id))["id"])
    item = await work.live_run(conn, thread_id)
    thread = await threads.lock(conn, thread_id)
    await _check_not_raced(conn, case_id, thread_id, item)
    if thread["state"] == "ended":
        if (await cases.get(conn, case_id))["status"] == status:
            return status
        raise Conflict(f"the case has ended: {thread['outcome']}", fix="Reopen it, or leave it.")
    if item is not None and item["status"] == "running":
        await work.request_cancel(conn, str(item["id"]), status)
        await log.append(conn, case_id, [log.Entry("case.cancel_requested", actor, {"status": status})])
        return "cancelling"
    await end(conn, case_id, thread_id, status, actor)
    return status


async def _check_not_raced(conn: Conn, case_id: str, thread_id: str, item: Row | None) -> None:
    """Between looking for the run and locking the thread, a run may have begun: then all is looked at anew."""
    now = await one(
        conn,
        "select id from work_items where thread_id = %(t)s and kind = 'run' and status in ('pending', 'running')",
        {"t": thread_id},
    )
    current = await cases.current_thread(conn, case_id)
    if (now and now["id"]) != (item and item["id"]) or str(current["id"]) != thread_id:
        raise RacedError("the thread moved on meanwhile")


async def end(
    conn: Conn, case_id: str, thread_id: str, status: str, actor: dict[str, Any], data: dict[str, Any] | None = None
) -> None:
    """End thread and case together, and withdraw all that was still asked of people and receivers.

    The caller holds the locks of the thread's run, if it has one, and of the thread.
    """
    await approvals.cancel_of_thread(conn, thread_id)
    await effects.cancel_of_thread(conn, thread_id)
    await tasks.cancel_of_thread(conn, thread_id)
    await work.cancel_pending(conn, case_id, ("run", "deadline"))
    await threads.end(conn, thread_id, status)
    await cases.change(conn, case_id, actor, "case.ended", data, status=status, phase=_LAST_PHASE[status])


async def tell_supervisor(conn: Conn, case_id: str, *, source: str, text: str) -> None:
    """A task for the supervisor that outlives its thread."""
    await tasks.put(
        conn, case_id=case_id, source=source, step="supervisor", kind="failed", role="ops_supervisor", text=text
    )


async def is_expired(conn: Conn, case_id: str) -> bool:
    """Whether an open case is past the deadline its opener gave it (a restart may have moved it)."""
    case = await cases.get(conn, case_id)
    return case["status"] == "open" and case["expires_at"] is not None and case["expires_at"] <= case["now"]
