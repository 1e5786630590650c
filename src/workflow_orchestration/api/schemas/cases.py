"""Cases: the queue, one case in full, and what may be asked of one."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from pydantic import Field, model_validator
from typing_extensions import Self

from workflow_orchestration.api.schemas.approvals import ApprovalInCase, ValidationView
from workflow_orchestration.api.schemas.common import Body, Comment, Moment, Object, Text, View
from workflow_orchestration.api.schemas.effects import EffectView
from workflow_orchestration.api.schemas.tasks import TaskView
from workflow_orchestration.domain.cases import CaseStatus

#: Ways to end after which a scheduler may start the same job again; a resolved or rejected case is never repeated.
Restartable = Literal["failed", "cancelled", "expired"]


class CaseSummary(View):
    id: UUID
    workflow: str
    key: str
    desk: str
    status: CaseStatus
    phase: str
    title: str
    requester: str
    owner: str | None = None
    assignee: str | None = None
    owner_role: str | None = None
    account: str | None = None
    reference: str | None = None
    root_cause: str | None = None
    fault_side: str | None = None
    exposure_eur: Decimal | None = None
    priority: Decimal
    band: str
    cutoff_at: datetime | None = None
    status_as_of: datetime | None = None
    expires_at: datetime | None = None
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None = None


class CaseListed(CaseSummary):
    pending_approvals: int


class CasePage(View):
    items: list[CaseListed]
    next_cursor: str | None = Field(None, description="Send as `cursor` for the next page; null at the end.")


class ThreadView(View):
    id: UUID
    n: int
    state: Literal["live", "waiting", "ended"]
    outcome: str | None = None
    created_at: datetime
    ended_at: datetime | None = None


class EvidenceItem(View):
    seq: int
    message_id: UUID
    n: int
    message_type: str
    sender_ref: str
    received_at: datetime
    record: Object = Field(description="What the message says of this instruction, as parsed.")


class ProposalView(View):
    id: UUID
    action: str
    tier: str
    content: Object
    payload_hash: str
    makers: list[str]
    created_at: datetime
    validations: list[ValidationView]


class CaseView(CaseSummary):
    input: Object
    findings: Object = Field(description="What investigation found, by topic.")
    diff: list[Object] = Field(description="Fields as each side states them.")
    proposal: ProposalView | None = Field(None, description="The newest one of the current thread.")
    approvals: list[ApprovalInCase]
    effects: list[EffectView]
    tasks: list[TaskView]
    items: list[EvidenceItem]
    threads: list[ThreadView]
    references: list[str]


class CaseOpening(Body):
    workflow: Text = Field(examples=["settlement"])
    account: Text = Field(examples=["SAFE-0001"])
    reference: Text = Field(description="An instruction or trade of the book.", examples=["WO-1001"])
    desk: Text | None = Field(None, description="By default the account's.")
    title: Text | None = None
    expires_at: Moment | None = None


class CaseEnsure(Body):
    workflow: Text = Field(examples=["settlement"])
    key: Text = Field(description="Stable: the same job asks with the same key.", examples=["airflow/eod/2026-11-24/FX"])
    owner: Text = Field(description="Who asks now; only the last one may cancel.", examples=["ti-019aabcd"])
    restart_on: list[Restartable] = Field([], max_length=3)
    expires_at: Moment | None = None
    input: Object = {}
    desk: Text | None = Field(None, description="Needed when you have more than one.")


class CaseEnsured(CaseSummary):
    what: Literal["created", "attached", "restarted"]
    attempt: int = Field(description="The thread's number.")


class CaseCancel(Body):
    owner: Text | None = Field(None, description="Given: refused unless this is the current owner.")
    comment: Comment | None = None


class CaseCancelled(View):
    id: UUID
    status: Literal["cancelled", "cancelling"] = Field(description="cancelling: its worker must stop first.")


class CaseAssign(Body):
    assignee: Text | None = None
    desk: Text | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.assignee is None and self.desk is None:
            raise ValueError("give assignee, desk or both")
        return self


class CaseReopen(Body):
    comment: Comment = Field(description="Why.")


class CaseComment(Body):
    text: Comment
