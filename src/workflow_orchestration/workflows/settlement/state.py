"""State of workflow W1: ids and what the next node needs. What people see is rows."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from workflow_orchestration.domain.answers import Agent, Tool
from workflow_orchestration.domain.commentary import Statement
from workflow_orchestration.domain.facts import Evidence
from workflow_orchestration.workflows.common.state import merge, replace

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


class Talk(BaseModel):
    """What agents have said about the case so far. Checkpoints name this class: it stays in this module."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: A model is configured and agents take part in this look at the case.
    on: bool = False
    #: Their opinion is recorded and compared, and neither shown nor followed.
    shadow: bool = False
    #: How often the supervisor has handed the case on.
    hops: int = 0
    #: Milliseconds the model has taken, as recorded: a replay counts the same.
    taken_ms: int = 0
    #: Whose turn it is, and who has had one.
    turn: Agent | None = None
    spoken: tuple[Agent, ...] = ()
    #: Look-ups the investigator asked for; the number of the round they belong to.
    wanted: tuple[Tool, ...] = ()
    round: int = 0
    root_cause: str | None = None
    fault_side: str | None = None
    #: What triage said in words; the resolver's rationale replaces it.
    explanation: Statement | None = None
    findings: tuple[Statement, ...] = ()
    #: The action the resolver picked of those that code computed.
    action: str | None = None
    #: Text for the message to the outside, filled by code.
    draft: str | None = None
    agrees: bool | None = None
    objections: tuple[Statement, ...] = ()
    #: Why agents gave no opinion to the end.
    degraded: str | None = None
    #: They found no end within the hops allowed: a supervisor takes over.
    lost: bool = False
    #: "agent: rule" of every answer that was dropped, and whose it was, once for each.
    refused: tuple[str, ...] = ()
    dropped: tuple[Agent, ...] = ()


class Found(BaseModel):
    """What one look-up brought, or why it brought nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    round: int
    tool: Tool
    evidence: tuple[Evidence, ...] = ()
    failed: str | None = None


class Looked(BaseModel):
    """All look-ups of a talk: branches that run side by side each add theirs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    found: tuple[Found, ...] = ()
    #: A new talk begins: what the one before it looked up is forgotten.
    anew: bool = False

    def evidence(self) -> tuple[Evidence, ...]:
        return tuple({e.id: e for one in self.found for e in one.evidence}.values())


def gathered(old: Looked | None, new: Looked) -> Looked:
    """Reducer of the fan-out: the order in which branches end makes no difference."""
    kept = () if new.anew or old is None else old.found
    every = {(one.round, one.tool): one for one in (*kept, *new.found)}
    return Looked(found=tuple(every[key] for key in sorted(every)))


class Errand(BaseModel):
    """What one branch of the fan-out is sent for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    round: int
    tool: Tool


class State(TypedDict):
    progress: Annotated[Progress, replace(Progress)]
    talk: Annotated[Talk, replace(Talk)]
    looked: Annotated[Looked, merge(Looked, gathered)]


class Branch(TypedDict):
    """Input of one look-up: all that it needs, so that branches share nothing."""

    errand: Errand
