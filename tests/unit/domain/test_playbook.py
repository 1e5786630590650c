"""Which actions are tried for which cause, and what a task stands for."""

from __future__ import annotations

from typing import Any

import pytest

from workflow_orchestration.domain import codes, playbook
from workflow_orchestration.domain.actions import ACTIONS
from workflow_orchestration.domain.actions.base import Assessment
from workflow_orchestration.domain.facts import FaultSide


def assessment(root_cause: str, action: str, *, stop: bool = False) -> Assessment:
    base: dict[str, Any] = {"fault_side": FaultSide.UNKNOWN, "codes": (), "diff": (), "exposure_eur": None}
    return Assessment(root_cause=root_cause, default_action=action, stop=stop, **base)


@pytest.mark.parametrize("name", sorted(playbook.STAND_INS))
def test_action_without_a_row_becomes_a_task_that_names_it(name: str) -> None:
    found = assessment("OWN_STOCK", name)
    assert playbook.candidates(found)[0] == "TASK"
    assert playbook.task_of(found) == (name, playbook.STAND_INS[name])


@pytest.mark.parametrize("root", sorted({row.root_cause for row in codes.table().values()}))
def test_every_root_cause_ends_in_a_task_and_names_real_actions_only(root: str) -> None:
    names = playbook.candidates(assessment(root, "WAIT"))
    assert "TASK" in names
    assert set(names) | playbook.allowed(assessment(root, "WAIT")) <= set(ACTIONS)


def test_under_a_stop_people_note_and_escalate_only() -> None:
    stopped = assessment("LEGAL_STOP", "ESCALATE", stop=True)
    assert playbook.candidates(stopped) == ("ESCALATE", "TASK")
    assert playbook.allowed(stopped) == {"ESCALATE", "TASK"}


def test_no_action_has_both_a_row_and_a_stand_in() -> None:
    assert set(ACTIONS).isdisjoint(playbook.STAND_INS)


def test_cause_without_a_task_of_its_own_asks_to_read_the_message() -> None:
    assert playbook.task_of(assessment("OTHER", "TASK")) == ("OTHER", playbook.OTHER_TASK)
