"""What is at stake in a case, in EUR, and what a day of failing costs."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from workflow_orchestration.domain import penalties
from workflow_orchestration.domain.facts import Facts
from workflow_orchestration.domain.records import Money, Quantity

#: Cash shortfalls cost the central bank's overnight rate, which the book does not hold.
_CASH_CAUSES = frozenset({"OWN_CASH", "CPTY_CASH"})


def exposure_eur(facts: Facts) -> Decimal | None:
    """The largest amount that any side states, in EUR; the market value without one; None when unknown.

    A currency without a rate makes the whole exposure unknown: half a picture would pass for a small one.
    """
    amounts = [side.amount for side in (facts.trade, facts.instruction, *facts.items) if side and side.amount]
    if not amounts:
        amounts = _valued(facts)
    converted = [_in_eur(facts, amount) for amount in amounts]
    known = [value for value in converted if value is not None]
    if not known or len(known) < len(converted):
        return None
    return max(known).quantize(Decimal("0.01"), ROUND_HALF_UP)


def _valued(facts: Facts) -> list[Money]:
    size = instructed_quantity(facts)
    if facts.security is None or size is None:
        return []
    return [Money(ccy=facts.security.price.ccy, value=penalties.market_value(facts.security, size))]


def _in_eur(facts: Facts, amount: Money) -> Decimal | None:
    if amount.ccy == "EUR":
        return abs(amount.value)
    if facts.fx is not None and facts.fx.ccy == amount.ccy:
        return abs(amount.value) * facts.fx.eur
    return None


def instructed_quantity(facts: Facts) -> Quantity | None:
    """Ours, else the trade's, else what the newest message states."""
    owners = (facts.instruction, facts.trade, *reversed(facts.items))
    return next((owner.quantity for owner in owners if owner and owner.quantity), None)


def penalty_per_day(facts: Facts, root_cause: str) -> Money | None:
    """What the depository stated, else the computed settlement-fail penalty; None when neither is known."""
    status = facts.status
    if stated := penalties.stated_per_day(status.penalty if status else None):
        return stated
    size = instructed_quantity(facts)
    if facts.security is None or size is None or root_cause in _CASH_CAUSES:
        return None
    return penalties.settlement_fail(facts.security, size, facts.now.date())
