"""CHASE: to the contact on file, with both sides' values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workflow_orchestration.domain import triage
from workflow_orchestration.domain.actions import ACTIONS
from workflow_orchestration.domain.actions.base import Step
from workflow_orchestration.domain.actions.chase import ChaseParams
from workflow_orchestration.domain.errors import InvalidRequest
from workflow_orchestration.domain.facts import Facts
from workflow_orchestration.domain.messages import swift

if TYPE_CHECKING:
    from tests.unit.domain.conftest import Desk

CHASE = ACTIONS["CHASE"]
MISMATCH = ("mt548-nmat-dmon-WO-1001", "mt578-allegement-WO-1001")


def step(facts: Facts) -> Step:
    params = CHASE.propose(facts, triage.assess(facts))
    assert params is not None
    return CHASE.steps(facts, params)[0]


def test_chaser_is_an_mt599_to_the_contact_on_file(desk: Desk) -> None:
    found = step(desk.facts(*MISMATCH))
    assert (found.type, found.to, found.timeout_minutes) == ("599", "CUSTDEFFXXX", 60)
    assert swift.read(found.payload).receiver == "CUSTDEFFXXX"


def test_chaser_states_what_identifies_the_transaction(desk: Desk) -> None:
    text = step(desk.facts(*MISMATCH)).payload
    for words in ("WO-1001", "CSD261120001001", "DE0007164600", "UNIT 1000", "2026-11-24", "NMAT DMON"):
        assert words in text


def test_chaser_by_email_is_plain_text(desk: Desk) -> None:
    contact = desk.book["contact/custodian-escalations"]
    found = step(desk.facts(*MISMATCH, contact=contact))
    assert (found.type, found.to) == ("EMAIL", "settlements@custodian.example")
    assert found.payload.startswith("Chaser: our reference WO-1001")


@pytest.mark.parametrize(
    ("name", "template", "expects"), [
        ("mt548-nmat-dmon-WO-1001", "MISMATCH", ("MTCH/MACH", "confirmation")),
        ("mt548-penf-clac-WO-1004", "STOCK", ("confirmation",)),
        ("mt548-pend-prea-WO-1005", "HOLD", ("confirmation",)),
    ]
)  # fmt: skip
def test_template_and_awaited_answer_follow_the_cause(
    desk: Desk, name: str, template: str, expects: tuple[str, ...]
) -> None:
    facts = desk.facts(name)
    params = CHASE.propose(facts, triage.assess(facts))
    assert isinstance(params, ChaseParams)
    assert (params.template, CHASE.steps(facts, params)[0].expects) == (template, expects)


def test_nobody_is_chased_for_our_own_mistake(desk: Desk) -> None:
    facts = desk.facts("mt548-nmat-dmon-WO-1002")
    assert CHASE.propose(facts, triage.assess(facts)) is None


def test_without_a_trade_the_chaser_claims_nothing(desk: Desk) -> None:
    facts = desk.facts(*MISMATCH, trade=None)
    assert "agree with our booked trade" not in step(facts).payload


def test_another_contact_than_the_one_on_file_is_refused(desk: Desk) -> None:
    params = ChaseParams(contact="stranger", template="STATUS")
    with pytest.raises(InvalidRequest, match="stranger is not the one on file"):
        CHASE.steps(desk.facts(*MISMATCH), params)


def test_second_chaser_after_a_new_status_has_its_own_reference(desk: Desk) -> None:
    first = step(desk.facts(MISMATCH[0])).payload
    second = step(desk.facts(MISMATCH[0], items=(desk.status("MTCH/NMAT", "DQUA"),))).payload
    assert (":20:WO-1001-C1" in first, ":20:WO-1001-C2" in second) == (True, True)


def test_long_reference_still_gives_a_valid_chaser(desk: Desk) -> None:
    item = desk.item("mt548-penf-clac-WO-1004", our_ref=None, csd_ref="2111262161218562")
    text = step(desk.facts(items=(item,), instruction=None, trade=None)).payload
    assert ":20:C1-262161218562" in text
    assert ":21:2111262161218562" in text


def test_summary_fits_and_names_the_difference(desk: Desk) -> None:
    facts = desk.facts(*MISMATCH)
    text = CHASE.show(facts, CHASE.propose(facts, triage.assess(facts)))
    assert len(text) <= 400
    assert "ours EUR 123456.50, theirs EUR 123465.50" in text
