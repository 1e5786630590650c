"""Lists that must stay equal though they cannot import each other."""

from __future__ import annotations

from workflow_orchestration.domain.workflows import WORKFLOWS
from workflow_orchestration.workflows import registry


def test_a_case_may_be_opened_under_exactly_the_workflows_that_run():
    assert set(WORKFLOWS) == set(registry.WORKFLOWS)
