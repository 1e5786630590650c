"""How many people an action needs: its own tier, raised by amount, code, match and suspicion; the highest wins."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from workflow_orchestration.domain import codes
from workflow_orchestration.domain.actions.base import Assessment
from workflow_orchestration.domain.facts import Facts, Tier
from workflow_orchestration.domain.records import Record

#: From this exposure on, one of the two approvers is a supervisor.
LARGE_EUR = Decimal(10_000_000)
_SEVERITY = {tier: n for n, tier in enumerate(Tier)}


class Raised(Record):
    tier: Tier
    #: Why it is above the action's own tier, for people.
    reasons: tuple[str, ...] = ()


def highest(tiers: Iterable[Tier]) -> Tier:
    return max(tiers, key=_SEVERITY.__getitem__, default=Tier.T0)


def raised(own: Tier, facts: Facts, assessment: Assessment, *, cancels: bool = False) -> Raised:
    """The tier an action needs in this case. `cancels`: it would cancel our instruction."""
    rules = (*_by_code(assessment), *_by_case(assessment), *_by_reach(own, facts, assessment, cancels=cancels))
    higher = [(tier, reason) for tier, reason in rules if _SEVERITY[tier] > _SEVERITY[own]]
    return Raised(tier=highest((own, *(tier for tier, _ in higher))), reasons=tuple(r for _, r in higher))


def _by_code(assessment: Assessment) -> list[tuple[Tier, str]]:
    floors = ((label, codes.floor(label)) for label in assessment.codes)
    return [(tier, f"{label} needs at least {tier}") for label, tier in floors]


def _by_case(assessment: Assessment) -> list[tuple[Tier, str]]:
    found = []
    if assessment.stop:
        found.append((Tier.STOP, "a legal stop or a possible sanctions match: compliance only"))
    if assessment.suspected_injection:
        found.append((Tier.T3, "a narrative reads like an instruction to the reader"))
    return found


def _by_reach(own: Tier, facts: Facts, assessment: Assessment, *, cancels: bool) -> list[tuple[Tier, str]]:
    """Rules about effects: what touches nothing outside (T0) needs nobody because of an amount."""
    if own is Tier.T0:
        return []
    found = []
    if assessment.exposure_eur is None:
        found.append((Tier.T3, "exposure unknown: counted as EUR 10m or more"))
    elif Decimal(assessment.exposure_eur) >= LARGE_EUR:
        found.append((Tier.T3, f"exposure EUR {assessment.exposure_eur} is EUR 10m or more"))
    if cancels and codes.matched(facts.items, by_book=facts.instruction is not None and facts.instruction.matched):
        found.append((Tier.T3, "the instruction is matched"))
    return found
