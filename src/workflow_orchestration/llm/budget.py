"""Whether a question still fits: into what its desk may use in a day, and its case in all."""

from __future__ import annotations

from decimal import Decimal

from workflow_orchestration.llm.config import Limits
from workflow_orchestration.store.model_runs import Used


def spent(limits: Limits, used: Used) -> str | None:
    """Which limit `used` passes, in words; None while all are kept. What is asked now is in `used` already."""
    checks = (
        ("the case", used.case_tokens, limits.case_tokens, "tokens", "LLM_CASE_TOKENS"),
        ("the case", used.case_cost, limits.case_cost, "of cost", "LLM_CASE_COST"),
        ("the desk today", used.desk_tokens, limits.desk_tokens_per_day, "tokens", "LLM_DESK_TOKENS_PER_DAY"),
        ("the desk today", used.desk_cost, limits.desk_cost_per_day, "of cost", "LLM_DESK_COST_PER_DAY"),
    )
    for who, much, limit, unit, setting in checks:
        if limit and much > limit:
            return f"with this question {who} would come to {Decimal(much):f} {unit}; {setting} is {Decimal(limit):f}"
    return None
