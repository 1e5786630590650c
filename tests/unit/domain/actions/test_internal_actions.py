"""TASK, WAIT, ESCALATE, CLOSE_NO_ACTION: nothing leaves the house."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from workflow_orchestration.domain import triage
from workflow_orchestration.domain.actions import ACTIONS
from workflow_orchestration.domain.actions.base import Step
from workflow_orchestration.domain.facts import Facts, Tier
from workflow_orchestration.domain.records import MessageItem

if TYPE_CHECKING:
    from tests.unit.domain.conftest import Desk


def proposed(name: str, facts: Facts) -> Any:
    return ACTIONS[name].propose(facts, triage.assess(facts))


def steps(name: str, facts: Facts) -> tuple[Step, ...]:
    return ACTIONS[name].steps(facts, proposed(name, facts))


def test_only_messages_leave_and_these_actions_send_none(desk: Desk) -> None:
    facts = desk.facts("mt548-mach-WO-1001")
    for name in ("TASK", "WAIT", "ESCALATE", "CLOSE_NO_ACTION"):
        assert all(step.kind != "message" for step in steps(name, facts))


@pytest.mark.parametrize(
    ("status", "code", "kind", "role"), [
        ("SETT/PEND", "LACK", "RECALL_OR_BORROW", "ops_analyst"), ("SETT/PEND", "MONY", "FUND", "ops_analyst"),
        ("MTCH/NMAT", "DTRA", "DESK_QUERY", "desk_head"), ("MTCH/NMAT", "DEPT", "OPEN_W4", "ssi_controller"),
        ("SETT/PENF", "BYIY", "BUY_IN_ESCALATE", "ops_supervisor"),
        ("MTCH/NMAT", "PODU", "CANCEL_DUPLICATE", "ops_analyst"),
        ("SETT/PEND", "CSDH", "QUERY_CUSTODIAN", "ops_analyst"),
        ("SETT/PEND", "DOCY", "DOCS_PHYSICAL", "ops_analyst"), ("MTCH/NMAT", "OTHR", "OTHER", "ops_analyst"),
    ]
)  # fmt: skip
def test_task_goes_to_the_right_role_and_says_what_it_stands_for(
    desk: Desk, status: str, code: str, kind: str, role: str
) -> None:
    (step,) = steps("TASK", desk.facts(items=(desk.status(status, code),)))
    assert (step.kind, step.type, step.to) == ("task", kind, role)
    stands_for = f"Stands for {kind}"
    assert step.payload.startswith(stands_for) is (kind not in ("DOCS_PHYSICAL", "OTHER"))


def test_task_under_a_stop_goes_to_compliance(desk: Desk) -> None:
    (step,) = steps("TASK", desk.facts(items=(desk.status("SETT/PENF", "BLOC"),)))
    assert step.to == "compliance"


@pytest.mark.parametrize(("code", "role"), [("CLAC", "ops_supervisor"), ("BLOC", "compliance")])
def test_escalation_changes_the_owner_and_asks_for_a_decision(desk: Desk, code: str, role: str) -> None:
    assign, decide = steps("ESCALATE", desk.facts(items=(desk.status("SETT/PENF", code),)))
    assert [(step.kind, step.to) for step in (assign, decide)] == [("assign", role), ("task", role)]


def test_wait_is_a_timer_of_minutes(desk: Desk) -> None:
    (step,) = steps("WAIT", desk.facts(items=(desk.status("SETT/PEND", "CHAS"),)))
    assert (step.kind, step.timeout_minutes, "chaser was sent" in step.payload) == ("timer", 240, True)


def test_close_fits_only_where_nothing_is_wrong(desk: Desk) -> None:
    assert proposed("CLOSE_NO_ACTION", desk.facts("mt548-nmat-dmon-WO-1001")) is None
    assert "MTCH/MACH" in proposed("CLOSE_NO_ACTION", desk.facts("mt548-mach-WO-1001")).reason
    assert "settlement confirmed" in proposed("CLOSE_NO_ACTION", desk.facts("mt545-confirmation-WO-1001")).reason


@pytest.mark.parametrize(
    ("name", "tier"), [("TASK", "T0"), ("WAIT", "T0"), ("ESCALATE", "T0"), ("CLOSE_NO_ACTION", "T1")]
)
def test_own_tiers(desk: Desk, name: str, tier: str) -> None:
    facts = desk.facts("mt548-mach-WO-1001")
    assert ACTIONS[name].tier(facts, triage.assess(facts), proposed(name, facts)) is Tier(tier)


def test_summaries_fit_whatever_the_notes(desk: Desk, bare_item: MessageItem) -> None:
    long = desk.status("XXXX/YYYY", "OTHR", isin="B" * 3000)
    for name in ("TASK", "WAIT", "ESCALATE"):
        facts = desk.facts(items=(long, bare_item.model_copy(update={"isin": "C" * 3000})))
        assert len(ACTIONS[name].show(facts, proposed(name, facts))) <= 400
