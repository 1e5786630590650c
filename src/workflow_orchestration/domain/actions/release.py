"""RELEASE: our instruction is on hold and the stock or cash is there; let it settle."""

from __future__ import annotations

from typing import Literal

from workflow_orchestration.domain import projection
from workflow_orchestration.domain.actions.base import Action, Assessment, Params, Step
from workflow_orchestration.domain.actions.modification import modify
from workflow_orchestration.domain.facts import Facts, Tier

#: Codes that say that our side holds.
_OUR_HOLD = frozenset({"PREA", "BOTH"})


class ReleaseParams(Params):
    instruction_ref: str
    #: The only value: a release.
    hold: Literal[False] = False


class Release(Action):
    name = "RELEASE"
    about = "Our instruction is on hold and the stock or cash is there: let it settle."
    params = ReleaseParams
    gates = {
        "proposal": ("V09", "V11", "V15", "W1-R4"),
        "decision": ("V12", "V14"),
        "delivery": ("V08", "V13", "V14", "W1-R3", "W1-R4", "W1-R8"),
    }
    rests_on = ("trade", "instruction", "stock", "cash")

    def propose(self, facts: Facts, assessment: Assessment) -> ReleaseParams | None:
        held = any(label.split("/")[1] in _OUR_HOLD for label in assessment.codes)
        if facts.instruction is None or facts.account is None or not held:
            return None
        if not projection.cover(facts).enough:
            return None
        return ReleaseParams(instruction_ref=facts.instruction.our_ref)

    def tier(self, facts: Facts, assessment: Assessment, params: ReleaseParams) -> Tier:
        return Tier.T1

    def show(self, facts: Facts, params: ReleaseParams) -> str:
        return f"Release {params.instruction_ref} from hold: {projection.cover(facts).detail}."[:400]

    def steps(self, facts: Facts, params: ReleaseParams) -> tuple[Step, ...]:
        return (modify(facts, params.instruction_ref, name="release", hold=False),)
