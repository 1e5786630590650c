"""How urgent a case is: next cut-off, exposure, predicted penalty, age."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from workflow_orchestration.domain import calendars, exposure
from workflow_orchestration.domain.actions.base import Assessment
from workflow_orchestration.domain.facts import Facts
from workflow_orchestration.domain.priority import Priority, priority
from workflow_orchestration.domain.records import Money


@dataclass(frozen=True)
class Rank:
    priority: Priority
    cutoff_at: datetime | None
    penalty: Money | None


def rank(facts: Facts, assessment: Assessment) -> Rank:
    """Rank by domain/priority.py; a market whose calendar is unknown gives no cut-off and no urgency."""
    cutoff = _cutoff(facts)
    penalty = exposure.penalty_per_day(facts, assessment.root_cause)
    minutes = None if cutoff is None else int((cutoff - facts.now) / timedelta(minutes=1))
    return Rank(
        priority(
            minutes_to_cutoff=minutes,
            exposure_eur=Decimal(assessment.exposure_eur) if assessment.exposure_eur else None,
            penalty_eur=penalty.value if penalty else None,
            days_open=(facts.now - facts.opened_at).days,
        ),
        cutoff,
        penalty,
    )


def _cutoff(facts: Facts) -> datetime | None:
    if facts.market is None:
        return None
    try:
        return calendars.next_cutoff(facts.market, facts.now)
    except calendars.NoCalendarError:
        return None
