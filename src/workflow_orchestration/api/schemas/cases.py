"""Cases: the queue, one case in full, and what may be asked of one."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from workflow_orchestration.api.schemas.approvals import ApprovalInCase, ValidationView
from workflow_orchestration.api.schemas.common import Body, Comment, Moment, Object, Text, View
from workflow_orchestration.api.schemas.effects import EffectView
from workflow_orchestration.api.schemas.tasks import TaskView
from workflow_orchestration.domain.cases import CaseStatus
from workflow_orchestration.domain.commentary import Commentary
from workflow_orchestration.domain.workflows import WORKFLOWS

#: Ways to end after which a scheduler may start the same job again; a resolved or rejected case is never repeated.
Restartable = Literal["failed", "cancelled", "expired"]


def _known(workflow: str) -> str:
    if workflow not in WORKFLOWS:
        raise ValueError(f"there is no such workflow; use one of: {', '.join(sorted(WORKFLOWS))}")
    return workflow


Workflow = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": sorted(WORKFLOWS)})]


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
    legal_hold: bool


def _split(value: Any) -> Any:
    """`ids=a,b` as well as `ids=a&ids=b`."""
    return [part for text in value for part in str(text).split(",")] if isinstance(value, list) else value


Ids = Annotated[list[UUID], Field(max_length=200)]


class CaseQuery(Body):
    """Filters of the queue. A misspelt one is refused: it would silently list everything."""

    status: CaseStatus | None = None
    desk: Text | None = None
    workflow: Text | None = None
    phase: Text | None = None
    root_cause: Text | None = None
    band: Text | None = None
    assignee: Text | None = None
    reference: Text | None = None
    ids: Annotated[Ids | None, BeforeValidator(_split), Field(description="Only these.")] = None
    cursor: Annotated[str | None, Field(max_length=300, description="`next` of the page before.")] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class CaseListed(CaseSummary):
    pending_approvals: int


class CasePage(View):
    items: list[CaseListed]
    next: str | None = Field(None, description="Send as `cursor` for the next page; null at the end.")


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
    commentary: Commentary | None = Field(None, description="What agents said; `degraded`: why they said nothing.")
    diff: list[Object] = Field(description="Fields as each side states them.")
    proposal: ProposalView | None = Field(None, description="The newest one of the current thread.")
    approvals: list[ApprovalInCase]
    effects: list[EffectView]
    tasks: list[TaskView]
    items: list[EvidenceItem]
    threads: list[ThreadView]
    references: list[str]


class CaseOpening(Body):
    workflow: Workflow = Field(examples=["settlement"])
    account: Text = Field(examples=["SAFE-0001"])
    reference: Text = Field(description="An instruction or trade of the book.", examples=["WO-1001"])
    desk: Text | None = Field(None, description="By default the account's.")
    title: Text | None = None
    expires_at: Moment | None = None


class CaseEnsure(Body):
    workflow: Workflow = Field(examples=["settlement"])
    key: Text = Field(
        description="Stable: the same job asks with the same key. A settlement case's is account/reference: messages "
        "about it join the case, so the account must be on one of your desks.",
        examples=["airflow/eod/2026-11-24/FX"],
    )
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


class CaseHold(Body):
    held: bool = Field(description="true: keep everything of it; false: its retention counts again.")
    comment: Comment = Field(description="Why.")


class CaseComment(Body):
    text: Comment


class Compared(View):
    desk: str
    action: str = Field(description="What people decided on.")
    decisions: int
    agreed: int = Field(
        description="Agents would have had it so: the same action, or another one where it was rejected."
    )
    differed: int
    silent: int = Field(description="Agents named no action: degraded, or without an end.")


class ShadowReport(View):
    since: datetime
    items: list[Compared]


class GroupProgress(View):
    id: UUID
    account: str
    root_cause: str | None = None
    title: str
    desk: str
    status: CaseStatus
    phase: str
    owner_role: str | None = None
    instructions: int


class SweepProgress(View):
    case_id: UUID
    looked_at: int = Field(description="Settlements that the sweep looked at.")
    groups: int
    groups_open: int
    instructions: int = Field(description="In groups; the others were on their course or had a case of their own.")
    instructions_open: int
    items: list[GroupProgress]
