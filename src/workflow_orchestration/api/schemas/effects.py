"""Effects and kill switches: what operators see and do."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from workflow_orchestration.api.schemas.common import Body, Comment, Object, View


class EffectView(View):
    id: UUID
    case_id: UUID
    thread_id: UUID | None = None
    proposal_id: UUID | None = None
    desk: str
    kind: Literal["message", "webhook"]
    type: str
    action: str
    source: str = Field(description="With `step` the Idempotency-Key that the receiver sees.")
    step: str
    receiver: str
    recipient: str
    payload: str
    payload_sha: str
    state: Literal["pending", "delivered", "refused", "cancelled"]
    tries: int
    next_try_at: datetime | None = None
    last_error: str | None = None
    refusal: Object | None = Field(None, description="The rule that forbade the delivery.")
    receipt: Object | None = None
    created_at: datetime
    delivered_at: datetime | None = None


class EffectCancelled(EffectView):
    delivery_in_progress: bool = Field(
        description="A delivery had begun: the receiver may have it all the same; then the effect ends delivered."
    )


class EffectPage(View):
    items: list[EffectView]


class EffectOrder(Body):
    comment: Comment | None = None


class KillSwitchOrder(Body):
    engaged: bool = Field(strict=True)
    reason: Comment


class KillSwitchView(View):
    scope: str = Field(examples=["all", "workflow:settlement", "action:CANCEL_REPLACE"])
    engaged: bool
    reason: str
    set_by: str
    set_at: datetime


class KillSwitchPage(View):
    items: list[KillSwitchView]
