"""TASK: a person does it, and says when it is done. Also stands for actions the platform cannot do itself yet."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from workflow_orchestration.domain import playbook
from workflow_orchestration.domain.actions.base import Action, Assessment, Params, Step
from workflow_orchestration.domain.facts import Facts, Tier

TaskRole = Literal["ops_analyst", "ops_approver", "ops_supervisor", "ssi_controller", "compliance", "desk_head"]
_REASON_LENGTH = 1000


class TaskParams(Params):
    to_role: TaskRole
    #: The action it stands for, or the root cause it is about.
    kind: str
    #: What to do and why.
    reason: str = Field(max_length=_REASON_LENGTH)


class Task(Action):
    name = "TASK"
    about = "Only a person can do this: give it to the right role, with what is known."
    params = TaskParams
    gates = {"proposal": ("V11",), "decision": ("V12", "V14"), "delivery": ()}
    editable = ("to_role", "reason")
    ends_case = True

    def propose(self, facts: Facts, assessment: Assessment) -> TaskParams | None:
        kind, task = playbook.task_of(assessment)
        stands_for = f"Stands for {kind}, which a person does: " if kind in playbook.STAND_INS else ""
        known = "; ".join(assessment.notes)
        role = "compliance" if assessment.stop else task.to_role
        reason = f"{stands_for}{task.request}. {known}"[:_REASON_LENGTH].strip()
        return TaskParams.model_validate({"to_role": role, "kind": kind, "reason": reason})

    def tier(self, facts: Facts, assessment: Assessment, params: TaskParams) -> Tier:
        return Tier.T0

    def show(self, facts: Facts, params: TaskParams) -> str:
        return f"Task {params.kind} for {params.to_role}: {params.reason}"[:400]

    def steps(self, facts: Facts, params: TaskParams) -> tuple[Step, ...]:
        return (Step(name="task", kind="task", type=params.kind, payload=params.reason, to=params.to_role),)
