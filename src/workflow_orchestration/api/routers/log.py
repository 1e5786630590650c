"""For auditors: the log of a case, of a period, and the proof that it is as it was written."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from workflow_orchestration.api import exports
from workflow_orchestration.api.auth import allowed
from workflow_orchestration.api.endpoint import Endpoint
from workflow_orchestration.api.problems import documented
from workflow_orchestration.api.schemas.log import LogPage, LogReport
from workflow_orchestration.api.services import Use
from workflow_orchestration.domain.errors import InvalidRequest, NotFound
from workflow_orchestration.domain.roles import Operation, Principal
from workflow_orchestration.store import cases, verify, views

router = APIRouter(prefix="/v1/log", tags=["log"], route_class=Endpoint)
_LARGEST = 2**63 - 1
_NDJSON = "application/x-ndjson"
_LINES = {_NDJSON: {"schema": {"type": "string"}, "example": '{"stream":"system","seq":1,"type":"book.loaded"}\n'}}
From = Annotated[
    AwareDatetime, Query(alias="from", description="First moment, with its offset.", examples=["2026-11-01T00:00:00Z"])
]
Stream = Annotated[str | None, Query(max_length=64, description="A case's id, or `system`; by default all.")]
To = Annotated[AwareDatetime, Query(description="First moment after it.", examples=["2026-12-01T00:00:00Z"])]


@router.get(
    "/cases/{case_id}",
    response_model=LogPage,
    summary="A case's log, to keep",
    responses={200: {"description": "A page, or all as NDJSON.", "content": _LINES}, **documented(NotFound)},
)
async def case_log(
    case_id: UUID,
    request: Request,
    use: Use,
    who: Annotated[Principal, allowed(Operation.LOG_READ)],
    after: Annotated[int, Query(ge=0, le=_LARGEST)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
) -> Any:
    """With `Accept: application/x-ndjson`: every entry, one a line, exactly as it is hashed."""
    if _NDJSON not in request.headers.get("accept", ""):
        return await use.read(lambda conn: views.log_page(conn, str(case_id), who, after=after, limit=limit))
    await use.read(lambda conn: cases.get_visible(conn, str(case_id), who))
    return StreamingResponse(exports.case(use, str(case_id), after=after), media_type=_NDJSON)


@router.get(
    "",
    response_class=StreamingResponse,
    summary="All streams of a period, as NDJSON",
    responses={200: {"description": "An entry a line, then a trailer.", "content": _LINES}},
)
async def period_log(start: From, to: To, use: Use, who: Annotated[Principal, allowed(Operation.LOG_READ)]) -> Any:
    """The last line is a trailer: how many entries, and whether that is all. Without it the export was cut."""
    exports.check_all_desks(who)
    if to <= start:
        raise InvalidRequest("to: it is not after from", errors=[{"field": "to", "cause": "not after from"}])
    complete = await exports.settled(use, to)
    return StreamingResponse(exports.period(use, start, to, complete=complete), media_type=_NDJSON)


@router.get(
    "/verify",
    response_model=LogReport,
    summary="Prove that the log is as it was written",
    responses=documented(NotFound),
)
async def verify_log(use: Use, who: Annotated[Principal, allowed(Operation.LOG_READ)], stream: Stream = None) -> Any:
    """Chains, counters and the external anchor, of every stream or of one."""
    await exports.check_stream(use, who, stream)
    anchors = await asyncio.to_thread(verify.read_anchors, use.settings.log_anchor_file)
    return (await use.read(lambda conn: verify.verify(conn, anchors, stream=stream))).as_dict()
