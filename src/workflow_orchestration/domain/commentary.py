"""What agents said about a proposal, as people are shown it at the gate: part of what they approve.

Every text in here has passed its rules (domain/judging.py); what did not pass is not in here, only the fact of it.
"""

from __future__ import annotations

from typing import Literal

from workflow_orchestration.domain.facts import Evidence
from workflow_orchestration.domain.records import Record


class Statement(Record):
    text: str
    #: Ids of the evidence it rests on; every fact in the text stands there (V10).
    evidence: tuple[str, ...]


class Commentary(Record):
    #: Who chose the action: an agent, from those that code computed as admissible, or code alone.
    chosen_by: Literal["agent", "code"] = "code"
    #: Why this action, in words.
    explanation: Statement | None = None
    #: The cause as the agent reads it, where it is not the one that code found.
    other_cause: str | None = None
    findings: tuple[Statement, ...] = ()
    #: The critic's answer; None when it was not asked or gave none.
    agrees: bool | None = None
    objections: tuple[Statement, ...] = ()
    #: Why agents gave no opinion, or none to the end: people decide on code's findings alone.
    degraded: str | None = None
    #: Answers that a rule refused, "agent: rule", in order: none of their text is shown.
    refused: tuple[str, ...] = ()
    #: What agents looked up beyond the proposal's own evidence, as far as a statement cites it.
    evidence: tuple[Evidence, ...] = ()

    def statements(self) -> tuple[Statement, ...]:
        """Every text of a model in here."""
        return (*((self.explanation,) if self.explanation else ()), *self.findings, *self.objections)
