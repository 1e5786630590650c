"""RELEASE and SET_PARTIAL: one MT530 to the custodian."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from workflow_orchestration.domain import triage
from workflow_orchestration.domain.actions import ACTIONS
from workflow_orchestration.domain.actions.release import ReleaseParams
from workflow_orchestration.domain.actions.set_partial import SetPartialParams
from workflow_orchestration.domain.errors import InvalidRequest
from workflow_orchestration.domain.facts import Facts, Tier
from workflow_orchestration.domain.messages import swift

if TYPE_CHECKING:
    from tests.unit.domain.conftest import Desk

RELEASE, SET_PARTIAL = ACTIONS["RELEASE"], ACTIONS["SET_PARTIAL"]
HOLD, LACK = "mt548-pend-prea-WO-1005", "mt548-pend-lack-WO-1003"


def proposed(name: str, facts: Facts) -> Any:
    return ACTIONS[name].propose(facts, triage.assess(facts))


def test_release_is_an_mt530_that_yields_settlement(desk: Desk) -> None:
    facts = desk.facts(HOLD)
    (step,) = RELEASE.steps(facts, proposed("RELEASE", facts))
    assert (step.type, step.to, swift.read(step.payload).type) == ("530", "CUSTDEFFXXX", "530")
    assert ":20C::PREV//WO-1005" in step.payload
    assert ":22F::SETT//YSET" in step.payload


def test_match_does_not_confirm_a_release(desk: Desk) -> None:
    facts = desk.facts(HOLD)
    assert "MTCH/MACH" not in RELEASE.steps(facts, proposed("RELEASE", facts))[0].expects


@pytest.mark.parametrize("changes", [{"stock": None}, {"instruction": None}, {"account": None}])
def test_release_needs_stock_instruction_and_account(desk: Desk, changes: dict[str, Any]) -> None:
    assert proposed("RELEASE", desk.facts(HOLD, **changes)) is None


def test_release_with_too_little_stock_does_not_fit(desk: Desk) -> None:
    stock = desk.book["position/SAFE-0002/FR0000120271"].model_copy(update={"available": Decimal(499)})
    assert proposed("RELEASE", desk.facts(HOLD, stock=stock)) is None


def test_what_we_do_not_hold_is_not_released(desk: Desk) -> None:
    held = desk.item(HOLD, statuses=desk.status("SETT/PEND", "PRCY").statuses)
    assert proposed("RELEASE", desk.facts(items=(held,))) is None


def test_partial_is_an_mt530_with_the_indicator(desk: Desk) -> None:
    facts = desk.facts(LACK)
    (step,) = SET_PARTIAL.steps(facts, proposed("SET_PARTIAL", facts))
    assert (step.name, ":22F::PRTL//PART" in step.payload) == ("partial", True)


def test_partial_that_is_already_set_is_not_set_again(desk: Desk) -> None:
    ours = desk.book["instruction/WO-1003"].model_copy(update={"partial": "PART"})
    assert proposed("SET_PARTIAL", desk.facts(LACK, instruction=ours)) is None


@pytest.mark.parametrize(("name", "message"), [("RELEASE", HOLD), ("SET_PARTIAL", LACK)])
def test_flag_changes_need_one_approver_and_say_what_they_change(desk: Desk, name: str, message: str) -> None:
    facts = desk.facts(message)
    assessment, params = triage.assess(facts), proposed(name, facts)
    assert ACTIONS[name].tier(facts, assessment, params) is Tier.T1
    assert params.instruction_ref in ACTIONS[name].show(facts, params)


@pytest.mark.parametrize(
    ("name", "params"), [
        ("RELEASE", ReleaseParams(instruction_ref="X")), ("SET_PARTIAL", SetPartialParams(instruction_ref="X")),
    ]
)  # fmt: skip
def test_instruction_of_another_case_is_refused(desk: Desk, name: str, params: Any) -> None:
    with pytest.raises(InvalidRequest, match="X is not the one on file"):
        ACTIONS[name].steps(desk.facts(HOLD), params)


def test_reference_without_room_is_refused(desk: Desk) -> None:
    ours = desk.book["instruction/WO-1005"].model_copy(update={"our_ref": "A" * 15})
    with pytest.raises(InvalidRequest, match="leaves no room"):
        RELEASE.steps(desk.facts(HOLD, instruction=ours), ReleaseParams(instruction_ref="A" * 15))
