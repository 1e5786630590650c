"""What a validator is, and the moment it judges. PASS is only said of a check that was made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from workflow_orchestration.domain import book
from workflow_orchestration.domain.actions.base import Assessment, Step
from workflow_orchestration.domain.commentary import Commentary
from workflow_orchestration.domain.facts import DiffRow, Facts, Outcome, Tier
from workflow_orchestration.domain.records import MessageItem

Answer = Literal["PASS", "FAIL", "WARN", "NOT_RUN", "NOT_APPLICABLE"]
#: Outcome and what people read about it.
Verdict = tuple[Answer, str]


class Context(BaseModel):
    """A proposal, and, at the later stages, who decides and what has changed since."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: As they are now: at delivery, gathered again.
    facts: Facts
    assessment: Assessment
    action: str
    #: JSON form of the action's parameters.
    params: dict[str, Any] = {}
    tier: Tier = Tier.T0
    diff: tuple[DiffRow, ...] = ()
    steps: tuple[Step, ...] = ()
    #: The instruction that would stand instead of ours, if any.
    replacement: book.Instruction | None = None
    #: What agents said of it, and the words of each piece of evidence that they may cite, by id.
    commentary: Commentary | None = None
    evidence: dict[str, str] = {}

    #: Decision stage: ids of people. `makers`: who captured, instructed or edited; `earlier`: who decided already.
    decider: str | None = None
    requester: str | None = None
    makers: tuple[str, ...] = ()
    earlier_deciders: tuple[str, ...] = ()
    #: Hash that people saw and approved, and the stored proposal's.
    approved_hash: str | None = None
    proposed_hash: str | None = None

    #: Delivery stage: the status that the proposal was made on, and the step about to be delivered.
    status_then: MessageItem | None = None
    step: str | None = None

    def expected_meanwhile(self) -> tuple[str, ...]:
        """Status labels that earlier steps of this very proposal were to bring about."""
        names = [step.name for step in self.steps]
        done = names.index(self.step) if self.step in names else 0
        return tuple(label for step in self.steps[:done] for label in step.expects)


@dataclass(frozen=True)
class Validator:
    id: str
    #: Raised when the check changes: it is part of what people's approval is bound to.
    version: str
    about: str
    check: Callable[[Context], Verdict]

    def run(self, context: Context) -> Outcome:
        outcome, detail = self.check(context)
        return Outcome(validator=self.id, version=self.version, outcome=outcome, detail=detail)


def verdict(faults: tuple[str, ...] | list[str], passed: str) -> Verdict:
    """FAIL with every fault, or PASS with what was checked."""
    return ("FAIL", "; ".join(faults)) if faults else ("PASS", passed)
