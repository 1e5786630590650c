"""State of a scheduled job: whether a person is still asked, and how it ended."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from pydantic import BaseModel, ConfigDict

from workflow_orchestration.workflows.common.state import replace


class JobProgress(BaseModel):
    """Where a job stands. Checkpoints name this class: it stays in this module."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: The task of the person who looks at what was found; None: nothing needs a person.
    waits_for: str | None = None
    outcome: Literal["resolved"] | None = None
    #: Why it ended, in words.
    reason: str = ""


class State(TypedDict):
    progress: Annotated[JobProgress, replace(JobProgress)]
