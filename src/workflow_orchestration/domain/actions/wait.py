"""WAIT: nothing is to be done now; look again when the timer ends or a new status comes."""

from __future__ import annotations

from pydantic import Field

from workflow_orchestration.domain.actions.base import Action, Assessment, Params, Step
from workflow_orchestration.domain.facts import Facts, Tier

#: Half a working day: long enough for the market to move, short enough to act before a cut-off.
_DEFAULT_MINUTES = 240
_FIVE_DAYS = 5 * 24 * 60


class WaitParams(Params):
    #: From the moment it starts; not a time of day, so that approving later changes nothing.
    minutes: int = Field(default=_DEFAULT_MINUTES, ge=5, le=_FIVE_DAYS)
    reason: str = Field(max_length=400)


class Wait(Action):
    name = "WAIT"
    about = "Nothing is to be done now: look again when the timer ends or a new status comes."
    params = WaitParams
    gates = {"proposal": ("V11",), "decision": ("V12", "V14"), "delivery": ()}
    editable = ("minutes", "reason")

    def propose(self, facts: Facts, assessment: Assessment) -> WaitParams | None:
        return WaitParams(reason=(assessment.notes[0] if assessment.notes else assessment.root_cause)[:400])

    def tier(self, facts: Facts, assessment: Assessment, params: WaitParams) -> Tier:
        return Tier.T0

    def show(self, facts: Facts, params: WaitParams) -> str:
        return f"Wait {params.minutes} minutes, then look again: {params.reason}"[:400]

    def steps(self, facts: Facts, params: WaitParams) -> tuple[Step, ...]:
        return (Step(name="wait", kind="timer", payload=params.reason, timeout_minutes=params.minutes),)
