"""State of a group's case."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from workflow_orchestration.workflows.common.state import replace


class GroupProgress(BaseModel):
    """Where a group stands. Checkpoints name this class: it stays in this module."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: The current proposal, its hash and tier.
    proposal_id: str | None = None
    payload_hash: str | None = None
    tier: str | None = None
    action: str | None = None
    #: Key of the effects: the approval that allows them, or the proposal at T0.
    source: str | None = None
    #: The message being sent, and how many there are.
    step: int = 0
    steps: int = 0
    #: The effect or task that is waited for.
    waits_for: str | None = None
    #: People turned the chaser down: then it is a person's task.
    rejected: bool = False
    #: The last answer of a pause.
    answer: dict[str, Any] = Field(default_factory=dict)
    outcome: Literal["resolved"] | None = None
    #: Why it ended, in words.
    reason: str = ""


class State(TypedDict):
    progress: Annotated[GroupProgress, replace(GroupProgress)]
