from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from workflow_orchestration.api.schemas.common import View


class ItemOutcome(View):
    n: int = Field(description="1-based position in the message.")
    case_id: UUID | None = None
    reason: str | None = Field(None, description="Why the item has no case.")


class MessageAccepted(View):
    message_id: UUID
    duplicate: bool = Field(description="These very bytes had come before; nothing new was stored.")
    items: list[ItemOutcome]


class MessageView(View):
    id: UUID
    message_type: str = Field(examples=["548"])
    sender: str
    receiver: str
    sender_ref: str
    sha256: str
    raw: str = Field(description="The message as it came.")
    principal: str = Field(description="Who sent it in.")
    received_at: datetime
    items: list[ItemOutcome]
