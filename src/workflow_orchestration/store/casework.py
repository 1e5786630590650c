"""What people do to a case besides deciding: open one for a trade, assign, comment, reopen, complete its tasks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workflow_orchestration.domain import book as books
from workflow_orchestration.domain import jobs
from workflow_orchestration.domain.cases import base_reference
from workflow_orchestration.domain.errors import Conflict, Forbidden, InvalidRequest, NotFound
from workflow_orchestration.domain.roles import ALL_DESKS, UNASSIGNED, Principal
from workflow_orchestration.store import book, cases, lifecycle, log, tasks, threads
from workflow_orchestration.store.db import Conn, Row


@dataclass(frozen=True)
class Opening:
    """A case asked for without a message: an instruction or trade of the book on one of our accounts."""

    workflow: str
    account: str
    reference: str
    desk: str | None = None
    title: str | None = None
    expires_at: datetime | None = None


async def open_for_book(conn: Conn, opening: Opening, principal: Principal) -> tuple[Row, bool]:
    """The case of this account and reference, and whether it is new."""
    account = await book.find(conn, books.Account, opening.account)
    if account is None or not principal.sees(account[0].desk):
        raise NotFound(f"the book has no account {opening.account!r} of your desks", fix="Load it, or ask its desk.")
    references = await _known_references(conn, opening)
    desk = opening.desk or account[0].desk
    if not principal.sees(desk):
        raise Forbidden(f"desk {desk} is not one of yours")
    key = f"{opening.account}/{base_reference(opening.reference)}"
    case, fresh = await cases.open_case(
        conn,
        cases.NewCase(
            workflow=opening.workflow,
            key=key,
            desk=desk,
            requester=principal.id,
            account=opening.account,
            reference=opening.reference,
            title=opening.title or f"opened by {principal.id}",
            expires_at=opening.expires_at,
        ),
        principal.actor(),
    )
    if fresh:
        await cases.add_references(conn, case, references)
    elif not principal.sees(case["desk"]):
        raise NotFound(f"there is no case {key} of your desks")
    return case, fresh


async def _known_references(conn: Conn, opening: Opening) -> list[str | None]:
    """Every reference the outside may use for it; the book must know the one given, on this account."""
    instruction = await book.find_instruction(conn, [opening.reference])
    if instruction is not None and instruction[0].account == opening.account:
        return [opening.reference, instruction[0].our_ref, instruction[0].csd_ref, instruction[0].common_ref]
    trade = await book.find(conn, books.Trade, opening.reference)
    if trade is not None and trade[0].account == opening.account:
        return [opening.reference]
    cause = f"account {opening.account} has no instruction or trade {opening.reference!r} in the book"
    raise InvalidRequest(cause, errors=[{"field": "reference", "cause": cause}])


def ensured(asked: dict[str, Any], principal: Principal) -> cases.NewCase:
    """A scheduler's case: on the desk it names, or on its only one."""
    desks = sorted(principal.desks - {ALL_DESKS, UNASSIGNED})
    desk = asked.pop("desk") or (desks[0] if len(desks) == 1 else None)
    if desk is None:
        raise InvalidRequest(
            "desk: you have not exactly one, so name the case's",
            errors=[{"field": "desk", "cause": "required, because you do not have exactly one"}],
        )
    if not principal.sees(desk):
        raise Forbidden(f"desk {desk} is not one of yours")
    if asked["workflow"] == "job":
        jobs.parse(asked["input"])
    return cases.NewCase(**asked, desk=desk, requester=principal.id, title=asked["key"])


async def cancel(conn: Conn, case_id: str, principal: Principal, *, owner: str | None, comment: str | None) -> str:
    """End an open case for somebody who sees it; returns its status, or `cancelling`."""
    await cases.get_visible(conn, case_id, principal)
    status = await lifecycle.cancel(conn, case_id, actor=principal.actor(), owner=owner)
    if comment:
        await log.append(conn, case_id, [log.Entry("case.comment", principal.actor(), {"text": comment})])
    return status


async def assign(conn: Conn, case_id: str, principal: Principal, *, assignee: str | None, desk: str | None) -> Row:
    """Give a case to a person, a desk or both. Only somebody who sees both desks moves a case between them."""
    case = await cases.get_visible(conn, case_id, principal)
    if desk is not None and desk != case["desk"]:
        await _check_desk(conn, desk, principal)
    return await cases.change(conn, case_id, principal.actor(), "case.assigned", assignee=assignee, desk=desk)


async def _check_desk(conn: Conn, desk: str, principal: Principal) -> None:
    if not principal.sees(desk):
        raise Forbidden(f"desk {desk} is not one of yours", fix="Somebody who sees both desks must move it.")
    known = sorted({UNASSIGNED, *(a.desk for a in await book.find_all(conn, books.Account))})
    if desk not in known:
        raise InvalidRequest(
            f"desk: no account belongs to {desk!r}",
            fix=f"Use one of: {', '.join(known)}.",
            errors=[{"field": "desk", "cause": "not a desk of the book"}],
        )


async def comment(conn: Conn, case_id: str, text: str, principal: Principal) -> int:
    """Say something about a case; returns the log entry's number."""
    await cases.get_visible(conn, case_id, principal)
    return await log.append(conn, case_id, [log.Entry("case.comment", principal.actor(), {"text": text})])


async def hold(conn: Conn, case_id: str, principal: Principal, *, held: bool, why: str) -> Row:
    """Keep everything of a case, also what retention would remove; or end that."""
    await cases.get_visible(conn, case_id, principal)
    entry = "case.held" if held else "case.hold_ended"
    return await cases.change(conn, case_id, principal.actor(), entry, {"why": why}, legal_hold=held)


async def reopen(conn: Conn, case_id: str, why: str, principal: Principal) -> Row:
    """Open the next thread of an ended case."""
    await cases.get_visible(conn, case_id, principal)
    thread = await cases.current_thread(conn, case_id, lock=True)
    case = await cases.get(conn, case_id)
    if thread["state"] != "ended" or case["status"] == "open":
        raise Conflict("the case is open", fix="Nothing is left to reopen.")
    await cases.reopen(conn, case, principal.actor(), why)
    return await cases.get(conn, case_id)


async def complete_task(
    conn: Conn, task_id: str, principal: Principal, *, result: dict[str, Any], comment: str | None
) -> Row:
    """End a task and let the thread that waits for it go on."""
    task = await tasks.get_visible(conn, task_id, principal)
    thread = await threads.lock(conn, str(task["thread_id"])) if task["thread_id"] else None
    await tasks.complete(conn, task_id, {**result, **({"comment": comment} if comment else {})}, principal)
    if thread is not None:
        await threads.settle(conn, thread)
    await log.append(
        conn,
        str(task["case_id"]),
        [
            log.Entry(
                "task.completed",
                principal.actor(),
                {"task_id": task_id, "kind": task["kind"], "result": result, "comment": comment},
            )
        ],
    )
    return await tasks.get_visible(conn, task_id, principal)
