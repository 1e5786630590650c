"""Approvals: what is shown to whoever decides, and what became of it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from pydantic import Field

from workflow_orchestration.api.schemas.common import Object, View
from workflow_orchestration.domain.commentary import Commentary
from workflow_orchestration.domain.decisions import Verb
from workflow_orchestration.domain.roles import Role

State = Literal["pending", "approved", "rejected", "superseded", "cancelled"]


class DecisionView(View):
    actor: str
    roles: list[str]
    decision: Verb
    at: datetime
    reason_code: str | None = None
    comment: str | None = None
    edited_params: Object | None = None


class ValidationView(View):
    validator: str = Field(examples=["V09"])
    stage: Literal["proposal", "decision", "delivery"]
    version: str
    outcome: Literal["PASS", "FAIL", "WARN", "NOT_RUN", "NOT_APPLICABLE"]
    detail: str
    at: datetime


class ApprovalSummary(View):
    id: UUID
    case_id: UUID
    thread_id: UUID
    proposal_id: UUID
    desk: str
    key: str = Field(description="The case's key: account/reference.")
    action: str
    summary: str | None = None
    state: State
    tier: str
    needed: int = Field(description="Different people who must approve.")
    required_roles: list[Role] = Field(description="Who may decide.")
    one_of_roles: list[Role] = Field(description="At least one approver must hold one of these; empty: any.")
    payload_hash: str = Field(description="Send it back with the decision on what was shown.")
    requester: str
    makers: list[str]
    opened_at: datetime
    expires_at: datetime
    decided_at: datetime | None = None
    decided_by: str | None = None
    superseded_by_what: str | None = Field(None, description="edit, expiry, escalate, request_info or refresh.")
    successor: UUID | None = None
    priority: Decimal | None = None
    band: str | None = None


class ApprovalInCase(ApprovalSummary):
    decisions: list[DecisionView]


class ApprovalView(ApprovalInCase):
    params: Object
    diff: list[Object]
    evidence: list[Object]
    validations: list[ValidationView]
    editable: list[str]
    commentary: Commentary | None = Field(None, description="What agents said of it: part of what is approved.")
    allowed_decisions: list[Verb] = Field(description="What you may answer now.")
    cutoff_at: datetime | None = None
    content: Object = Field(description="All that was shown and hashed.")


class ApprovalPage(View):
    items: list[ApprovalSummary]


class DecisionAnswer(View):
    approval_id: UUID
    case_id: UUID
    state: State
    tier: str
    needed: int
    approvals: int | None = Field(None, description="Approvals so far, after an approval.")
    by_what: str | None = None
    successor: UUID | None = None
