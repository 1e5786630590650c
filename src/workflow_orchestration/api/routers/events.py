"""A case's log as it happens."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request
from sse_starlette.sse import EventSourceResponse

from workflow_orchestration.api import streams
from workflow_orchestration.api.auth import allowed
from workflow_orchestration.api.endpoint import Endpoint
from workflow_orchestration.api.problems import documented
from workflow_orchestration.api.schemas.log import LogPage
from workflow_orchestration.api.services import Use
from workflow_orchestration.domain.errors import NotFound
from workflow_orchestration.domain.roles import Operation, Principal
from workflow_orchestration.store import cases, views

router = APIRouter(prefix="/v1/cases", tags=["cases"], route_class=Endpoint)
#: A reader that takes nothing for so long is cut; it resumes by id.
SEND_SECONDS = 20.0
_LARGEST = 2**63 - 1
_EVENTS = {
    "text/event-stream": {"schema": {"type": "string"}, "example": 'id: 1\nevent: case.opened\ndata: {"seq":1}\n\n'}
}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "A page of entries, or the stream.", "content": _EVENTS}
}
Number = Annotated[int | None, Query(ge=0, le=_LARGEST, description="Only entries after this one.")]
LastId = Annotated[int | None, Header(ge=0, le=_LARGEST, description="As `after`, and stronger; browsers send it.")]


@router.get(
    "/{case_id}/events",
    response_model=LogPage,
    summary="Its log: live, or a page",
    responses={**_STREAM, **documented(NotFound)},
)
async def case_events(
    case_id: UUID,
    request: Request,
    use: Use,
    who: Annotated[Principal, allowed(Operation.CASE_READ)],
    after: Number = None,
    last_event_id: LastId = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    tokens: Annotated[bool, Query(description="Also what agents are writing just now, as `agent.token`.")] = False,
) -> Any:
    """`text/event-stream` follows the case from any entry and closes after the event `end`; heartbeats are comments.
    Events `agent.token`, if asked for, have no id: an answer while it is written, unchecked, and perhaps lost.
    With `Accept: application/json`: one page of entries."""
    start = last_event_id if last_event_id is not None else after or 0
    if "application/json" in request.headers.get("accept", ""):
        return await use.read(lambda conn: views.log_page(conn, str(case_id), who, after=start, limit=limit))
    await use.read(lambda conn: cases.get_visible(conn, str(case_id), who))
    follow = streams.follow(use, str(case_id), who, after=start, until=request.state.token_until, aloud=tokens)
    return EventSourceResponse(follow, ping=use.settings.stream_heartbeat_seconds, send_timeout=SEND_SECONDS, sep="\n")
