"""The inbound door for messages."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response

from workflow_orchestration.api.auth import allowed
from workflow_orchestration.api.endpoint import Endpoint
from workflow_orchestration.api.problems import documented
from workflow_orchestration.api.schemas.messages import MessageAccepted, MessageView
from workflow_orchestration.api.services import Use
from workflow_orchestration.domain import messages as parsers
from workflow_orchestration.domain.errors import (
    IdempotencyMismatch,
    MessageUnreadable,
    NotFound,
    UnsupportedMessage,
)
from workflow_orchestration.domain.records import ParsedMessage
from workflow_orchestration.domain.roles import Operation, Principal
from workflow_orchestration.store import idempotency, messages
from workflow_orchestration.store.db import Conn
from workflow_orchestration.store.idempotency import Answer

router = APIRouter(prefix="/v1/messages", tags=["messages"], route_class=Endpoint)
_EXAMPLE = (
    "{1:F01DEMOGB2LAXXX0000000000}{2:O5480900261124CUSTBEBBAXXX00000000002611240900N}{4:\n:16R:GENL\n"
    ":20C::SEME//548NMAT0001\n:23G:INST\n:16R:LINK\n:20C::RELA//WO-1001\n:16S:LINK\n:16R:STAT\n:25D::MTCH//NMAT\n"
    ":16R:REAS\n:24B::NMAT//DMON\n:16S:REAS\n:16S:STAT\n:16S:GENL\n-}"
)
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "text/plain": {"schema": {"type": "string", "minLength": 1}, "examples": {"mt548": {"value": _EXAMPLE}}}
        },
    }
}
Key = Annotated[str | None, Header(min_length=1, max_length=200, description="Makes a repetition safe.")]


@router.post(
    "",
    status_code=202,
    response_model=MessageAccepted,
    openapi_extra=_BODY,
    summary="Hand in a SWIFT message (MT537, MT540-548, MT578)",
    responses=documented(MessageUnreadable, UnsupportedMessage, IdempotencyMismatch),
)
async def post_message(
    request: Request,
    response: Response,
    use: Use,
    who: Annotated[Principal, allowed(Operation.MESSAGE_POST)],
    idempotency_key: Key = None,
) -> Any:
    """Parsed, stored and correlated in one transaction; it opens or advances a case an item. The same bytes twice
    are one message."""
    raw = await request.body()
    text = decode(raw)
    parsed = await asyncio.to_thread(parsers.parse, text)
    answer, streams = await use.write(lambda conn: _accept(conn, who, parsed, text, idempotency_key))
    use.woke(*streams)
    response.headers["Location"] = answer.location or ""
    return answer.body


def decode(raw: bytes) -> str:
    """The message as text; the parser judges every character."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise MessageUnreadable(f"line {line}: byte {error.start} is not UTF-8", line=line, tag=None) from None


async def _accept(
    conn: Conn, who: Principal, parsed: ParsedMessage, text: str, key: str | None
) -> tuple[Answer, tuple[str, ...]]:
    stored = await idempotency.reserve(conn, who.id, key, text.encode()) if key else None
    if stored is not None:
        return stored, ()
    accepted = await messages.accept(conn, parsed, text, who)
    body = {"message_id": accepted.message_id, "duplicate": accepted.duplicate, "items": list(accepted.items)}
    answer = Answer(202, body, f"/v1/messages/{accepted.message_id}")
    if key:
        await idempotency.store(conn, who.id, key, answer)
    return answer, accepted.streams


@router.get(
    "/{message_id}",
    response_model=MessageView,
    summary="A message, and the case of each of its items",
    responses=documented(NotFound),
)
async def get_message(message_id: UUID, use: Use, who: Annotated[Principal, allowed(Operation.CASE_READ)]) -> Any:
    """For whoever sent it, or sees one of its cases."""
    found = await use.read(lambda conn: messages.get(conn, str(message_id), who))
    return {**found["message"], "items": found["items"]}
