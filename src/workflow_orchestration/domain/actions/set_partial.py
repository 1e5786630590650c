"""SET_PARTIAL: allow (or forbid) that our instruction settles in parts."""

from __future__ import annotations

from typing import Literal

from workflow_orchestration.domain.actions.base import Action, Assessment, Params, Step
from workflow_orchestration.domain.actions.modification import modify
from workflow_orchestration.domain.facts import Facts, Tier


class SetPartialParams(Params):
    instruction_ref: str
    #: PART allowed, NPAR not, PARC cash threshold, PARQ quantity threshold.
    partial: Literal["PART", "NPAR", "PARC", "PARQ"] = "PART"


class SetPartial(Action):
    name = "SET_PARTIAL"
    about = "Part of the stock is there and both sides accept parts: let the instruction settle in parts."
    params = SetPartialParams
    gates = {
        "proposal": ("V09", "V11", "V15", "W1-R5"),
        "decision": ("V12", "V14"),
        "delivery": ("V08", "V13", "V14", "W1-R3", "W1-R8"),
    }
    editable = ("partial",)
    rests_on = ("trade", "instruction", "stock", "security")

    def propose(self, facts: Facts, assessment: Assessment) -> SetPartialParams | None:
        if facts.instruction is None or facts.account is None or facts.instruction.partial == "PART":
            return None
        return SetPartialParams(instruction_ref=facts.instruction.our_ref)

    def tier(self, facts: Facts, assessment: Assessment, params: SetPartialParams) -> Tier:
        return Tier.T1

    def show(self, facts: Facts, params: SetPartialParams) -> str:
        return f"Set the partial settlement indicator of {params.instruction_ref} to {params.partial}."

    def steps(self, facts: Facts, params: SetPartialParams) -> tuple[Step, ...]:
        return (modify(facts, params.instruction_ref, name="partial", partial=params.partial),)
