"""Which actions suit which root cause, in order; and what a task stands for where an action has no row yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workflow_orchestration.domain.records import Record

if TYPE_CHECKING:  # the TASK action reads this table, so the package of actions is not there yet
    from workflow_orchestration.domain.actions.base import Assessment


class StandIn(Record):
    """How TASK carries out an action that the platform cannot do itself yet."""

    #: Role that gets the task.
    to_role: str
    #: What the person is asked to do.
    request: str


#: Actions of the policy table without a file in domain/actions: a person does them.
STAND_INS: dict[str, StandIn] = {
    "RECALL_OR_BORROW": StandIn(to_role="ops_analyst", request="Recall or borrow the missing stock with stock loan"),
    "FUND": StandIn(to_role="ops_analyst", request="Have treasury fund the account, or complete the FX"),
    "DESK_QUERY": StandIn(to_role="desk_head", request="Say whether this trade exists and on which terms"),
    "OPEN_W4": StandIn(to_role="ssi_controller", request="Check the standing instructions on file against both sides"),
    "MODIFY_CONDITIONS": StandIn(to_role="ops_analyst", request="Change the processing conditions at the custodian"),
    "BUY_IN_ESCALATE": StandIn(to_role="ops_supervisor", request="Take over: a buy-in has started"),
    "CANCEL_DUPLICATE": StandIn(to_role="ops_analyst", request="Find the duplicate and have it cancelled"),
    "QUERY_CUSTODIAN": StandIn(to_role="ops_analyst", request="Ask the custodian why it holds the instruction"),
    "PENALTY_APPEAL": StandIn(to_role="ops_analyst", request="Appeal against the penalty before the 10th"),
}  # fmt: skip

#: What a task is about when it stands for nothing else.
TASKS: dict[str, StandIn] = {
    "DATA_QUALITY": StandIn(to_role="ops_analyst", request="Correct the data named below at its source"),
    "DOCS_PHYSICAL": StandIn(to_role="ops_analyst", request="Provide or obtain the documents"),
    "SEC_EVENT": StandIn(to_role="ops_analyst", request="Clear the corporate action that blocks the securities"),
    "LOT_PARTIAL": StandIn(to_role="ops_analyst", request="Cancel and replace the instruction in deliverable lots"),
    "LINKED": StandIn(to_role="ops_analyst", request="Work the linked instruction first"),
    "REJECTED": StandIn(to_role="ops_analyst", request="Read the rejection, correct, and instruct again"),
    "REPAIR": StandIn(to_role="ops_analyst", request="Read the repair request and answer it"),
    "LATE_OWN": StandIn(to_role="ops_analyst", request="Decide whether to instruct again"),
    "UNINSTRUCTED": StandIn(to_role="ops_analyst", request="Instruct the trade, or say why not"),
}
OTHER_TASK = StandIn(to_role="ops_analyst", request="Read the message and decide what to do")

#: Root cause -> further actions after the default one; TASK always comes last.
ALTERNATIVES: dict[str, tuple[str, ...]] = {
    "ECON_AMOUNT": ("CANCEL_REPLACE", "CHASE"),
    "ECON_QTY": ("CANCEL_REPLACE", "CHASE"),
    "ECON_DATE": ("CANCEL_REPLACE", "CHASE"),
    "ECON_TERMS": ("CANCEL_REPLACE", "CHASE"),
    "CPTY_ABSENT": ("CHASE", "ESCALATE"),
    "OWN_STOCK": ("SET_PARTIAL", "WAIT"),
    "OWN_CASH": ("WAIT",),
    "CPTY_STOCK": ("SET_PARTIAL", "WAIT"),
    "CPTY_CASH": ("WAIT",),
    "HOLD": ("RELEASE", "CHASE", "WAIT"),
    "LOT_PARTIAL": ("SET_PARTIAL", "WAIT"),
    "SEC_EVENT": ("WAIT",),
    "LINKED": ("WAIT",),
    "TIMING": ("CHASE",),
    "WAIT_INFO": ("CHASE",),
}

#: These touch nothing outside and are open for every cause.
_INTERNAL = frozenset({"TASK", "ESCALATE", "WAIT", "CLOSE_NO_ACTION"})
#: Under a legal stop people note and escalate, nothing else (W1-R8).
UNDER_STOP = frozenset({"TASK", "ESCALATE"})


def candidates(assessment: Assessment) -> tuple[str, ...]:
    """Actions to try for this assessment, best first; TASK stands at the end, and for actions without a row."""
    wanted = (assessment.default_action, *ALTERNATIVES.get(assessment.root_cause, ()))
    named = ("TASK" if name in STAND_INS else name for name in wanted)
    fitting = (name for name in (*named, "TASK") if not assessment.stop or name in UNDER_STOP)
    return tuple(dict.fromkeys(fitting))


def allowed(assessment: Assessment) -> frozenset[str]:
    """Every action that may be taken for this root cause (V11)."""
    if assessment.stop:
        return UNDER_STOP
    return frozenset(candidates(assessment)) | _INTERNAL


def task_of(assessment: Assessment) -> tuple[str, StandIn]:
    """What a task for this assessment is called and asks for."""
    name = assessment.default_action
    if name in STAND_INS:
        return name, STAND_INS[name]
    return assessment.root_cause, TASKS.get(assessment.root_cause, OTHER_TASK)
