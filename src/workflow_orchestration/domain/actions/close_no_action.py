"""CLOSE_NO_ACTION: there is nothing to do; one person confirms that."""

from __future__ import annotations

from pydantic import Field

from workflow_orchestration.domain.actions.base import Action, Assessment, Params, Step
from workflow_orchestration.domain.facts import Facts, Tier


class CloseNoActionParams(Params):
    reason: str = Field(min_length=1, max_length=400)


class CloseNoAction(Action):
    name = "CLOSE_NO_ACTION"
    about = "Nothing is wrong (any more): one person confirms, and the case is closed."
    params = CloseNoActionParams
    gates = {"proposal": ("V11", "W1-R8"), "decision": ("V12", "V14"), "delivery": ()}
    editable = ("reason",)
    ends_case = True

    def propose(self, facts: Facts, assessment: Assessment) -> CloseNoActionParams | None:
        if assessment.root_cause != "NONE":
            return None
        status = facts.status
        stated = ", ".join(f"{s.qualifier}/{s.code}" for s in status.statuses) if status else "no status"
        return CloseNoActionParams(reason=f"No exception: {stated or 'settlement confirmed'}")

    def tier(self, facts: Facts, assessment: Assessment, params: CloseNoActionParams) -> Tier:
        return Tier.T1

    def show(self, facts: Facts, params: CloseNoActionParams) -> str:
        return f"Close the case without action. {params.reason}"[:400]

    def steps(self, facts: Facts, params: CloseNoActionParams) -> tuple[Step, ...]:
        return ()
