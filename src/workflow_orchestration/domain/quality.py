"""Data faults: values that came in good structure and are wrong all the same. Shown on a case, never repaired."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from stdnum import bic as bic_check
from stdnum import isin as isin_check

from workflow_orchestration.domain import currencies
from workflow_orchestration.domain.records import MessageItem, Money, Party, Quantity

#: A status or confirmation may state a debit as a negative amount.
_INSTRUCTED = frozenset({"instruction", "allegement"})


def isin_fault(isin: str | None) -> str | None:
    """Why this is no ISIN; None when it is one or absent."""
    if isin is None or isin_check.is_valid(isin):
        return None
    return f"ISIN {isin} fails its check (12 characters, country code, check digit)"


def bic_faults(parties: Iterable[Party]) -> tuple[str, ...]:
    return tuple(
        f"BIC {party.bic} of {party.role} is not well formed"
        for party in parties
        if party.bic is not None and not bic_check.is_valid(party.bic)
    )


def money_fault(money: Money | None) -> str | None:
    """Why this amount cannot exist in its currency; None when it can or is absent."""
    if money is None:
        return None
    decimals = currencies.minor_units(money.ccy)
    if decimals is None:
        return f"currency {money.ccy} is not an ISO 4217 code"
    if not currencies.fits(money.ccy, money.value):
        return f"amount {money.ccy} {money.value} has more than {decimals} decimals"
    return None


def sign_faults(quantity: Quantity | None, amount: Money | None) -> tuple[str, ...]:
    """Quantities and amounts of an instruction are above zero."""
    named: tuple[tuple[str, Decimal | None], ...] = (
        ("quantity", quantity.value if quantity else None),
        ("amount", amount.value if amount else None),
    )
    return tuple(f"{name} {value} is not above zero" for name, value in named if value is not None and value <= 0)


def date_fault(trade_date: date | None, settlement_date: date | None) -> str | None:
    if trade_date is None or settlement_date is None or trade_date <= settlement_date:
        return None
    return f"trade date {trade_date} is after settlement date {settlement_date}"


def data_faults(item: MessageItem) -> tuple[str, ...]:
    """Everything wrong with an item's own values that needs no calendar and no book."""
    found = (
        isin_fault(item.isin),
        money_fault(item.amount),
        date_fault(item.trade_date, item.settlement_date),
        *(sign_faults(item.quantity, item.amount) if item.kind in _INSTRUCTED else ()),
    )
    return tuple(fault for fault in found if fault is not None)
