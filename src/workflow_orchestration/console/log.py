"""A case's log as it grows: each entry as a piece of the page, by server-sent events, resumed by its number."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request
from sse_starlette import EventSourceResponse
from sse_starlette.event import ServerSentEvent

from workflow_orchestration.api import streams
from workflow_orchestration.api.auth import authorise
from workflow_orchestration.api.services import Use
from workflow_orchestration.console.page import markup
from workflow_orchestration.console.session import Visitor, VisitorRoute
from workflow_orchestration.domain.roles import Operation
from workflow_orchestration.store import cases
from workflow_orchestration.store.db import Row

router = APIRouter(route_class=VisitorRoute, include_in_schema=False)
#: A reader that takes nothing for this long is cut; its browser comes back by the last number it has.
_SEND_SECONDS = 10.0


@router.get("/cases/{case_id}/log")
async def follow(
    case_id: UUID,
    request: Request,
    services: Use,
    visitor: Visitor,
    after: int = 0,
    last_event_id: Annotated[int | None, Header()] = None,
) -> EventSourceResponse:
    authorise(visitor, Operation.CASE_READ)
    await services.read(lambda conn: cases.get_visible(conn, str(case_id), visitor))
    entries = streams.follow(
        services, str(case_id), visitor, after=after if last_event_id is None else last_event_id,
        until=request.state.token_until, show=_piece,
    )  # fmt: skip
    return EventSourceResponse(
        entries, ping=int(services.settings.stream_heartbeat_seconds) or 1, send_timeout=_SEND_SECONDS
    )


def _piece(row: Row) -> ServerSentEvent:
    return ServerSentEvent(markup("_entry.html", entry=row, fresh=True), event="entry", id=str(row["seq"]))
