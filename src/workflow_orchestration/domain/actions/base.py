"""What an action is. One file an action; `ACTIONS` in the package lists them all.

An action is a pure description: which parameters, which tier, which validators gate it at which stage, what is
shown, and which steps carry it out. It does nothing itself: the workflow writes the steps as effects, tasks
and timers, once.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from workflow_orchestration.domain.book import Instruction
from workflow_orchestration.domain.facts import DiffRow, Facts, FaultSide, Tier
from workflow_orchestration.domain.records import Record

#: proposal: before the gate; decision: when a person decides; delivery: just before the effect leaves.
Stage = Literal["proposal", "decision", "delivery"]


class Params(BaseModel):
    """Closed parameter schema of an action: unknown fields are refused; values are references code resolves."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Assessment(Record):
    """What triage found: input of every action. Computed by domain/triage.py."""

    root_cause: str
    fault_side: FaultSide
    #: Every status code seen, "QUALIFIER/CODE", worst first.
    codes: tuple[str, ...]
    default_action: str
    diff: tuple[DiffRow, ...]
    #: Exposure in EUR, canonical text; None when no amount or price is known.
    exposure_eur: str | None
    #: What is missing or strange, for people ("no trade on file for ...").
    notes: tuple[str, ...] = ()
    #: A legal stop: no desk may act (W1-R8).
    stop: bool = False
    suspected_injection: bool = False


class Step(Record):
    """One thing to do, in order; the next starts when this one is confirmed."""

    #: Unique within the action: part of the effect's key.
    name: str
    #: message: an effect for a receiver; task: work for a role; timer: a wait; assign: the case's owner role changes.
    kind: Literal["message", "task", "timer", "assign"]
    #: message: MT type ("543", "530", "599") or "EMAIL"; task: its kind.
    type: str = ""
    #: message: the full text; task: what to do.
    payload: str = ""
    #: message: BIC or address on file; task, assign: role.
    to: str = ""
    #: message: status codes ("IPRC/CAND", "MTCH/MACH", "confirmation") that confirm it; none: delivery is enough.
    expects: tuple[str, ...] = ()
    #: Minutes to wait for the confirmation (message) or to wait at all (timer).
    timeout_minutes: int = 60


class Action:
    """Base of the actions: override what differs. Stateless; one instance each in `ACTIONS`."""

    name: ClassVar[str]
    #: One sentence for people: when this is the right thing.
    about: ClassVar[str]
    params: ClassVar[type[Params]]
    #: Validators that gate, by stage. A FAIL or NOT_RUN of one of these blocks; all others are shown.
    gates: ClassVar[dict[Stage, tuple[str, ...]]]
    #: Fields of the parameters a person may edit at the gate.
    editable: ClassVar[tuple[str, ...]] = ()
    #: Facts (by field name) that the action rests on beside the messages: shown as evidence, with their version.
    rests_on: ClassVar[tuple[str, ...]] = ("trade", "instruction")
    #: Done once its steps are done, or does the case go on (CHASE waits for the other side)?
    ends_case: ClassVar[bool] = False

    def propose(self, facts: Facts, assessment: Assessment) -> Params | None:
        """Parameters filled by code from the facts; None when this action does not fit them."""
        raise NotImplementedError  # pragma: no cover

    def tier(self, facts: Facts, assessment: Assessment, params: Any) -> Tier:
        """The action's own tier; domain/tiers.py raises it by amount, code and party."""
        raise NotImplementedError  # pragma: no cover

    def diff(self, facts: Facts, assessment: Assessment, params: Any) -> tuple[DiffRow, ...]:
        """What people compare at the gate; by default the assessment's rows."""
        return assessment.diff

    def show(self, facts: Facts, params: Any) -> str:
        """What is asked of people, in plain words with the real values; at most 400 characters."""
        raise NotImplementedError  # pragma: no cover

    def steps(self, facts: Facts, params: Any) -> tuple[Step, ...]:
        """What happens after approval, complete: the messages people approve are these very texts."""
        raise NotImplementedError  # pragma: no cover

    def replacement(self, facts: Facts, params: Any) -> Instruction | None:
        """The instruction that would stand instead of ours; None for actions that replace none."""
        return None
