"""What each agent may answer: closed, small and flat, so that an engine can enforce the schema.

There is no amount, account or parameter anywhere in here: code computes those. An action is a name from the closed
list; which of them fit the case is judged afterwards (domain/judging.py).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from workflow_orchestration.domain.codes import table

Agent = Literal["supervisor", "triage", "investigator", "resolver", "comms", "critic"]
#: Whom the supervisor may hand a case to; `done` ends the talk.
Next = Literal["triage", "investigator", "resolver", "comms", "critic", "done"]
#: Read-only look-ups of the investigator.
Tool = Literal["positions", "instructions_on_file", "security", "cutoffs", "chasers", "similar_cases"]
Side = Literal["OWN", "CPTY", "MARKET", "SHARED", "UNKNOWN"]
#: domain/actions, by name; a test holds the two together.
ActionName = Literal[
    "CANCEL_REPLACE", "CHASE", "CLOSE_NO_ACTION", "ESCALATE", "RELEASE", "SET_PARTIAL", "TASK", "WAIT"
]  # fmt: skip
#: Every root cause a case may be found to have: those of the code table, and what code finds without one.
CAUSES = tuple(
    sorted(
        {row.root_cause for row in table().values()} | {"NONE", "UNINSTRUCTED", "DATA_QUALITY", "REJECTED", "REPAIR"}
    )
)
Text = Annotated[str, Field(min_length=1, max_length=400)]
Refs = Annotated[tuple[Annotated[str, Field(max_length=40)], ...], Field(min_length=1, max_length=6)]


class Reply(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Handoff(Reply):
    next_agent: Next
    reason: Annotated[str, Field(max_length=200)]


class Triage(Reply):
    root_cause: Annotated[str, Field(max_length=40, json_schema_extra={"enum": list(CAUSES)})]
    fault_side: Side
    explanation: Text
    evidence_refs: Refs


class Lookups(Reply):
    tools: Annotated[tuple[Tool, ...], Field(min_length=1, max_length=4)]


class Claim(Reply):
    claim: Text
    evidence_refs: Refs


class Findings(Reply):
    findings: Annotated[tuple[Claim, ...], Field(min_length=1, max_length=4)]


class Choice(Reply):
    action: ActionName
    rationale: Text
    evidence_refs: Refs
    alternatives: Annotated[tuple[ActionName, ...], Field(max_length=2)]


class Draft(Reply):
    #: Names, numbers and dates only as placeholders, which code fills.
    body: Annotated[str, Field(min_length=1, max_length=200)]


class Critique(Reply):
    agree: bool
    objections: Annotated[tuple[Claim, ...], Field(max_length=3)]
