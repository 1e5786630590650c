"""CANCEL_REPLACE: cancel ours, then instruct what the trade says, and nothing else."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from workflow_orchestration.domain import messages, triage
from workflow_orchestration.domain.actions import ACTIONS
from workflow_orchestration.domain.actions.cancel_replace import CancelReplaceParams
from workflow_orchestration.domain.errors import InvalidRequest
from workflow_orchestration.domain.facts import Facts
from workflow_orchestration.domain.messages.compare import changed_fields

if TYPE_CHECKING:
    from tests.unit.domain.conftest import Desk

ACTION = ACTIONS["CANCEL_REPLACE"]
NAMES = ("mt548-nmat-dmon-WO-1002", "mt578-allegement-WO-1002")


def params(facts: Facts) -> CancelReplaceParams:
    found = ACTION.propose(facts, triage.assess(facts))
    assert isinstance(found, CancelReplaceParams)
    return found


def test_cancellation_comes_first_and_waits_for_its_confirmation(desk: Desk) -> None:
    facts = desk.facts(*NAMES)
    cancel, replace = ACTION.steps(facts, params(facts))
    assert (cancel.name, cancel.expects) == ("cancel", ("IPRC/CAND", "CPRC/CAND"))
    assert (replace.name, replace.expects) == ("replace", ("MTCH/MACH", "confirmation"))
    assert {cancel.to, replace.to} == {"CUSTDEFFXXX"}


def test_messages_say_what_they_should(desk: Desk) -> None:
    facts = desk.facts(*NAMES)
    cancel, replace = (messages.parse(step.payload).items[0] for step in ACTION.steps(facts, params(facts)))
    assert (cancel.function, cancel.our_ref, cancel.previous_ref) == ("CANC", "WO-1002-X1", "WO-1002")
    assert (replace.function, replace.our_ref, replace.previous_ref) == ("NEWM", "WO-1002-R1", "WO-1002")
    assert [str(item.amount and item.amount.value) for item in (cancel, replace)] == ["255000.00", "250000.00"]


def test_replacement_differs_in_the_approved_field_only(desk: Desk) -> None:
    facts = desk.facts(*NAMES)
    cancel, replace = ACTION.steps(facts, params(facts))
    assert changed_fields(cancel.payload, replace.payload) == ("amount",)


def test_values_are_references_into_the_trade(desk: Desk) -> None:
    (change,) = params(desk.facts(*NAMES)).changes
    assert (change.field, change.new_value_ref) == ("amount", "trade/TRD-1002#amount")


def test_every_wrong_field_is_corrected(desk: Desk) -> None:
    ours = desk.book["instruction/WO-1002"].model_copy(update={"settlement_date": date(2026, 11, 25)})
    facts = desk.facts(*NAMES, instruction=ours)
    assert [change.field for change in params(facts).changes] == ["amount", "settlement_date"]
    assert ACTION.replacement(facts, params(facts)).settlement_date == date(2026, 11, 24)  # type: ignore[union-attr]


def test_diff_shows_what_would_be_sent(desk: Desk) -> None:
    facts = desk.facts(*NAMES)
    (row,) = ACTION.diff(facts, triage.assess(facts), params(facts))
    assert (row.ours, row.proposed) == ("EUR 255000.00", "EUR 250000.00")


@pytest.mark.parametrize("changes", [{"trade": None}, {"instruction": None}, {"account": None}])
def test_without_trade_instruction_or_account_it_does_not_fit(desk: Desk, changes: dict[str, Any]) -> None:
    facts = desk.facts(*NAMES, **changes)
    assert ACTION.propose(facts, triage.assess(facts)) is None


@pytest.mark.parametrize(
    "change", [{"message_type": "541"}, {"message_type": "542"}, {"parties": ({"role": "BUYR", "bic": "CPTYGB2LXXX"},)}]
)
def test_direction_payment_and_parties_are_left_to_people(desk: Desk, change: dict[str, Any]) -> None:
    row = desk.book["instruction/WO-1002"]
    facts = desk.facts(*NAMES, instruction=type(row).model_validate(row.model_dump() | change))
    assert ACTION.propose(facts, triage.assess(facts)) is None


def test_instruction_that_agrees_with_the_trade_is_left_alone(desk: Desk) -> None:
    facts = desk.facts("mt548-nmat-dmon-WO-1001", "mt578-allegement-WO-1001")
    assert ACTION.propose(facts, triage.assess(facts)) is None


def test_reference_without_room_for_a_successor_does_not_fit(desk: Desk) -> None:
    ours = desk.book["instruction/WO-1002"].model_copy(update={"our_ref": "A" * 14})
    facts = desk.facts(*NAMES, instruction=ours)
    assert ACTION.propose(facts, triage.assess(facts)) is None


def test_replacement_of_a_replacement_counts_on(desk: Desk) -> None:
    ours = desk.book["instruction/WO-1002"].model_copy(update={"our_ref": "WO-1002-R1"})
    facts = desk.facts(*NAMES, instruction=ours)
    cancel, replace = (messages.parse(step.payload).items[0] for step in ACTION.steps(facts, params(facts)))
    assert (cancel.our_ref, replace.our_ref, replace.previous_ref) == ("WO-1002-R1-X1", "WO-1002-R2", "WO-1002-R1")


def test_once_the_replacement_is_on_file_it_is_the_replacement(desk: Desk) -> None:
    facts = desk.facts(*NAMES)
    recorded = ACTION.replacement(facts, params(facts))
    assert ACTION.replacement(desk.facts(*NAMES, instruction=recorded), params(facts)) == recorded


def test_instruction_of_another_case_is_refused(desk: Desk) -> None:
    facts = desk.facts(*NAMES)
    other = params(facts).model_copy(update={"instruction_ref": "WO-1001"})
    with pytest.raises(InvalidRequest, match="WO-1001 is not the one on file"):
        ACTION.steps(facts, other)


def test_summary_says_old_and_new_value(desk: Desk) -> None:
    facts = desk.facts(*NAMES)
    assert "amount EUR 255000.00 becomes EUR 250000.00" in ACTION.show(facts, params(facts))
