"""What holds for every action."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from workflow_orchestration.domain.actions import ACTIONS


def test_the_closed_list() -> None:
    assert set(ACTIONS) >= {
        "CHASE", "CANCEL_REPLACE", "RELEASE", "SET_PARTIAL", "TASK", "WAIT", "ESCALATE", "CLOSE_NO_ACTION",
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_every_action_gates_every_stage_and_explains_itself(name: str) -> None:
    action = ACTIONS[name]
    assert set(action.gates) == {"proposal", "decision", "delivery"}
    assert {"V12", "V14"} <= set(action.gates["decision"])
    assert "V11" in action.gates["proposal"]
    assert action.about.endswith(".")


@pytest.mark.parametrize("name", ["CHASE", "CANCEL_REPLACE", "RELEASE", "SET_PARTIAL"])
def test_what_leaves_the_house_is_checked_again_before_delivery(name: str) -> None:
    assert {"V08", "V13", "V14", "W1-R3", "W1-R8"} <= set(ACTIONS[name].gates["delivery"])
    assert {"V09", "V15"} <= set(ACTIONS[name].gates["proposal"])


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_unknown_parameters_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        ACTIONS[name].params.model_validate({"surprise": 1})
