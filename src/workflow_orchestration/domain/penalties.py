"""CSDR cash penalties: what a fail costs a day. Code computes it, nothing else ever states one.

Rates are basis points of the failed value per business day (Delegated Regulation (EU) 2017/389, annex), dated
because ESMA has advised to raise them. A lack of cash costs the central bank's overnight rate, which is not
in the book: then no figure is given.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from workflow_orchestration.domain import book
from workflow_orchestration.domain.records import Money, Penalty, Quantity

_BASIS_POINT = Decimal("0.0001")
_CENT = Decimal("0.01")
#: Types whose price is per cent of face.
_FACE_TYPES = frozenset({"FAMT", "AMOR"})

#: (in force from, basis points by book asset class); the newest that has begun applies.
RATES: tuple[tuple[date, dict[str, Decimal]], ...] = (
    (
        date(2022, 2, 1),
        {
            "LIQUID_SHARE": Decimal("1.0"),
            "ILLIQUID_SHARE": Decimal("0.5"),
            "SME_SHARE": Decimal("0.25"),
            "SOVEREIGN_DEBT": Decimal("0.10"),
            "OTHER_DEBT": Decimal("0.20"),
            "SME_DEBT": Decimal("0.15"),
            "OTHER": Decimal("0.5"),
        },
    ),
)


def rate(asset_class: str, on: date) -> Decimal | None:
    """Basis points a day; None before penalties were in force."""
    begun = [rates for start, rates in RATES if start <= on]
    return begun[-1][asset_class] if begun else None


def market_value(security: book.Security, quantity: Quantity) -> Decimal:
    """Quantity at the reference price, in the price's currency: per unit, or per cent of face."""
    factor = Decimal("0.01") if quantity.type in _FACE_TYPES else Decimal(1)
    return quantity.value * security.price.value * factor


def settlement_fail(security: book.Security, quantity: Quantity, on: date) -> Money | None:
    """SEFP for one business day, half-up to cents; None before penalties were in force."""
    points = rate(security.asset_class, on)
    if points is None:
        return None
    value = market_value(security, quantity) * points * _BASIS_POINT
    return Money(ccy=security.price.ccy, value=value.quantize(_CENT, ROUND_HALF_UP))


def late_matching(security: book.Security, quantity: Quantity, on: date, *, business_days: int) -> Money | None:
    """LMFP: the daily penalty for each business day from the settlement date to the day before matching."""
    daily = settlement_fail(security, quantity, on)
    return daily and Money(ccy=daily.ccy, value=daily.value * business_days)


def stated_per_day(penalty: Penalty | None) -> Money | None:
    """A penalty that the depository itself stated, per day; an MT537 counts days from 1."""
    if penalty is None or penalty.amount is None:
        return None
    value = penalty.amount.value / (penalty.days or 1)
    return Money(ccy=penalty.amount.ccy, value=value.quantize(_CENT, ROUND_HALF_UP))
