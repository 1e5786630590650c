"""State of workflow W1: ids and what the next node needs. What people see is rows."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from workflow_orchestration.workflows.common.state import replace

Outcome = Literal["resolved", "rejected"]


class Progress(BaseModel):
    """Where a thread stands. Checkpoints name this class: it stays in this module."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Newest message item that the current findings rest on.
    seen_seq: int = 0
    #: The current proposal, its hash and tier.
    proposal_id: str | None = None
    payload_hash: str | None = None
    tier: str | None = None
    action: str | None = None
    #: Key of the effects: the approval that allows them, or the proposal at T0.
    source: str | None = None
    #: The step being carried out, and how many there are.
    step: int = 0
    steps: int = 0
    #: The effect or task that is waited for.
    waits_for: str | None = None
    #: Status codes that confirm the current step, and minutes to wait for them.
    expects: tuple[str, ...] = ()
    timeout_minutes: int = 60
    #: Actions people turned down on this thread, and how often.
    rejected: tuple[str, ...] = ()
    #: Who edited what is proposed: they may not decide on it.
    makers: tuple[str, ...] = ()
    #: The last answer of a pause, for the node that acts on it.
    answer: dict[str, Any] = Field(default_factory=dict)
    outcome: Outcome | None = None
    #: Why it ended, in words.
    reason: str = ""


class State(TypedDict):
    progress: Annotated[Progress, replace(Progress)]
