"""Cases: the queue, one case, and what people and schedulers ask of it."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime

from workflow_orchestration.api import streams
from workflow_orchestration.api.auth import allowed
from workflow_orchestration.api.endpoint import Endpoint
from workflow_orchestration.api.problems import documented
from workflow_orchestration.api.schemas.cases import (
    CaseAssign,
    CaseCancel,
    CaseCancelled,
    CaseComment,
    CaseEnsure,
    CaseEnsured,
    CaseHold,
    CaseOpening,
    CasePage,
    CaseQuery,
    CaseReopen,
    CaseSummary,
    CaseView,
    ShadowReport,
    SweepProgress,
)
from workflow_orchestration.api.schemas.common import Said
from workflow_orchestration.api.services import Use
from workflow_orchestration.domain.errors import NotFound, NotOwner
from workflow_orchestration.domain.roles import Operation, Principal
from workflow_orchestration.store import cases, casework, lifecycle, messages, sweeps, views
from workflow_orchestration.store.db import Conn

router = APIRouter(prefix="/v1/cases", tags=["cases"], route_class=Endpoint)
Responses = dict[int | str, dict[str, Any]]
_HAVE_NEW: Responses = {200: {"model": CaseSummary, "description": "There is one of this key already: this is it."}}
_HAVE_ENSURED: Responses = {200: {"model": CaseEnsured, "description": "Attached: it is at work, or ended for good."}}


@router.get("", response_model=CasePage, summary="The queue, most urgent first")
async def list_cases(
    use: Use, who: Annotated[Principal, allowed(Operation.CASE_READ)], asked: Annotated[CaseQuery, Query()]
) -> Any:
    """Cases that your desks may see. With `ids` a scheduler asks for many at once; those it may not see are missing."""
    ids = None if asked.ids is None else [str(i) for i in asked.ids]
    found, cursor = await use.read(
        lambda conn: cases.page(
            conn,
            who,
            filters=asked.model_dump(include=set(cases.FILTERS)),
            ids=ids,
            cursor=asked.cursor,
            limit=max(asked.limit, len(ids or ())),
        )
    )
    return {"items": found, "next": cursor}


@router.post(
    "",
    status_code=202,
    response_model=CaseSummary,
    summary="Open a case without a message",
    responses={**_HAVE_NEW, **documented(NotFound)},
)
async def open_case(
    body: CaseOpening, response: Response, use: Use, who: Annotated[Principal, allowed(Operation.CASE_OPEN)]
) -> Any:
    """For an instruction or trade of the book; its key is account/reference."""
    case, fresh = await use.write(lambda conn: casework.open_for_book(conn, casework.Opening(**body.model_dump()), who))
    return _opened(case, use, response, fresh=fresh)


@router.post(
    ":ensure",
    status_code=202,
    response_model=CaseEnsured,
    summary="One case for a scheduler's stable key",
    responses={**_HAVE_ENSURED, **documented(NotFound)},
)
async def ensure_case(
    body: CaseEnsure, response: Response, use: Use, who: Annotated[Principal, allowed(Operation.CASE_OPEN)]
) -> Any:
    """Opened, attached to, or restarted when it ended in one of `restart_on`. The caller becomes its owner."""
    new = casework.ensured(body.model_dump(exclude={"restart_on"}), who)

    async def ensure(conn: Conn) -> lifecycle.Ensured:
        joined = await messages.with_account(conn, new, who)
        return await lifecycle.ensure(conn, joined, restart_on=body.restart_on, principal=who)

    found = await use.write(ensure)
    case = _opened(found.case, use, response, fresh=found.what != "attached")
    return {**case, "what": found.what, "attempt": found.attempt}


def _opened(case: dict[str, Any], use: Use, response: Response, *, fresh: bool) -> dict[str, Any]:
    response.headers["Location"] = f"/v1/cases/{case['id']}"
    response.status_code = 202 if fresh else 200
    use.woke(str(case["id"]))
    return case


@router.get(":shadow", response_model=ShadowReport, summary="What agents in shadow mode would have done")
async def shadow_report(
    use: Use,
    who: Annotated[Principal, allowed(Operation.CASE_READ)],
    since: Annotated[
        AwareDatetime,
        Query(description="Decisions from here on, with its offset.", examples=["2026-11-01T00:00:00Z"]),
    ],
) -> Any:
    """Beside what people decided, counted from the log by desk and action; your desks' alone."""
    return {"since": since, "items": await use.read(lambda conn: views.shadow(conn, who, since=since))}


@router.get("/{case_id}", response_model=CaseView, summary="One case in full", responses=documented(NotFound))
async def get_case(
    case_id: UUID,
    use: Use,
    who: Annotated[Principal, allowed(Operation.CASE_READ)],
    wait: Annotated[float, Query(ge=0, le=25, description="Seconds to wait for its end.")] = 0,
) -> Any:
    """With `wait` the answer comes when the case ends, or after so many seconds as it then is."""
    if wait:
        await streams.until_ended(use, str(case_id), who, seconds=wait)
    return await use.read(lambda conn: views.case(conn, str(case_id), who))


@router.get(
    "/{case_id}/progress",
    response_model=SweepProgress,
    summary="How far the groups of a sweep are",
    responses=documented(NotFound),
)
async def get_progress(case_id: UUID, use: Use, who: Annotated[Principal, allowed(Operation.CASE_READ)]) -> Any:
    """A sweep opens one case for each group of exceptions; this counts them, and lists those that you may see."""
    return await use.read(lambda conn: sweeps.progress(conn, str(case_id), who))


@router.post(
    "/{case_id}/cancel",
    response_model=CaseCancelled,
    summary="End an open case",
    responses=documented(NotFound, NotOwner),
)
async def cancel_case(
    case_id: UUID, body: CaseCancel, use: Use, who: Annotated[Principal, allowed(Operation.CASE_CANCEL)]
) -> Any:
    """Withdraws what it still asks of people and receivers. With `owner`: only if that is the current one."""
    status = await use.write(
        lambda conn: casework.cancel(conn, str(case_id), who, owner=body.owner, comment=body.comment)
    )
    use.woke(str(case_id))
    return {"id": case_id, "status": status}


@router.post(
    "/{case_id}/reopen",
    response_model=CaseSummary,
    summary="Work on an ended case again",
    responses=documented(NotFound),
)
async def reopen_case(
    case_id: UUID, body: CaseReopen, use: Use, who: Annotated[Principal, allowed(Operation.CASE_REOPEN)]
) -> Any:
    """Opens its next thread."""
    case = await use.write(lambda conn: casework.reopen(conn, str(case_id), body.comment, who))
    use.woke(str(case_id))
    return case


@router.post(
    "/{case_id}/assign",
    response_model=CaseSummary,
    summary="Give a case to a person or a desk",
    responses=documented(NotFound),
)
async def assign_case(
    case_id: UUID, body: CaseAssign, use: Use, who: Annotated[Principal, allowed(Operation.CASE_ASSIGN)]
) -> Any:
    """Between desks only by somebody who sees both."""
    case = await use.write(
        lambda conn: casework.assign(conn, str(case_id), who, assignee=body.assignee, desk=body.desk)
    )
    use.woke(str(case_id))
    return case


@router.post(
    "/{case_id}/hold",
    response_model=CaseSummary,
    summary="Set or end a case's legal hold",
    responses=documented(NotFound),
)
async def hold_case(
    case_id: UUID, body: CaseHold, use: Use, who: Annotated[Principal, allowed(Operation.CASE_HOLD)]
) -> Any:
    """While it is held nothing of the case is removed."""
    case = await use.write(lambda conn: casework.hold(conn, str(case_id), who, held=body.held, why=body.comment))
    use.woke(str(case_id))
    return case


@router.post(
    "/{case_id}/comments",
    status_code=201,
    response_model=Said,
    summary="Say something about a case",
    responses=documented(NotFound),
)
async def comment_case(
    case_id: UUID, body: CaseComment, use: Use, who: Annotated[Principal, allowed(Operation.CASE_COMMENT)]
) -> Any:
    """An entry of its log, for ever."""
    seq = await use.write(lambda conn: casework.comment(conn, str(case_id), body.text, who))
    use.woke(str(case_id))
    return {"case_id": str(case_id), "seq": seq}
