"""ESCALATE: the case changes hands, to a supervisor or (under a stop) to compliance, with a task to decide."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from workflow_orchestration.domain.actions.base import Action, Assessment, Params, Step
from workflow_orchestration.domain.facts import Facts, Tier


class EscalateParams(Params):
    to_role: Literal["ops_supervisor", "compliance"]
    reason: str = Field(max_length=1000)


class Escalate(Action):
    name = "ESCALATE"
    about = "Somebody with more authority has to take over."
    params = EscalateParams
    gates = {"proposal": ("V11",), "decision": ("V12", "V14"), "delivery": ()}
    editable = ("reason",)
    ends_case = True

    def propose(self, facts: Facts, assessment: Assessment) -> EscalateParams | None:
        reason = "; ".join(assessment.notes)[:1000] or assessment.root_cause
        return EscalateParams(to_role="compliance" if assessment.stop else "ops_supervisor", reason=reason)

    def tier(self, facts: Facts, assessment: Assessment, params: EscalateParams) -> Tier:
        return Tier.T0

    def show(self, facts: Facts, params: EscalateParams) -> str:
        return f"Hand the case to {params.to_role}: {params.reason}"[:400]

    def steps(self, facts: Facts, params: EscalateParams) -> tuple[Step, ...]:
        return (
            Step(name="assign", kind="assign", payload=params.reason, to=params.to_role),
            Step(name="decide", kind="task", type="ESCALATE", payload=params.reason, to=params.to_role),
        )
