"""Which limit a question would pass, by name."""

from __future__ import annotations

from decimal import Decimal

import pytest

from workflow_orchestration.llm import budget
from workflow_orchestration.llm.config import Limits
from workflow_orchestration.store.model_runs import Used

USED = Used(desk_tokens=100, desk_cost=Decimal("2.50"), case_tokens=40, case_cost=Decimal("1.25"))


@pytest.mark.parametrize(
    "limits",
    [
        Limits(),
        Limits(desk_tokens_per_day=100, case_tokens=40, desk_cost_per_day=Decimal("2.5"), case_cost=Decimal("1.25")),
    ],
    ids=["none", "just kept"],
)
def test_what_fits_is_not_refused(limits):
    assert budget.spent(limits, USED) is None


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (Limits(desk_tokens_per_day=99), "the desk today would come to 100 tokens; LLM_DESK_TOKENS_PER_DAY is 99"),
        (Limits(case_tokens=39), "the case would come to 40 tokens; LLM_CASE_TOKENS is 39"),
        (Limits(desk_cost_per_day=Decimal("2.49")), "come to 2.50 of cost; LLM_DESK_COST_PER_DAY is 2.49"),
        (Limits(case_cost=Decimal("1.24")), "come to 1.25 of cost; LLM_CASE_COST is 1.24"),
    ],
)
def test_a_passed_limit_is_named_with_both_numbers(limits, said):
    assert said in budget.spent(limits, USED)


@pytest.mark.parametrize("field", ["desk_tokens_per_day", "case_tokens", "desk_cost_per_day", "case_cost"])
def test_any_limit_makes_the_rows_be_summed(field):
    assert not Limits().any()
    assert Limits(**{field: 1}).any()
