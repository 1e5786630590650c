"""V01-V07: are the values right? Of the replacement where the action makes one, of the messages otherwise."""

from __future__ import annotations

from decimal import Decimal

from workflow_orchestration.domain import book, calendars, currencies, quality
from workflow_orchestration.domain.errors import PlatformError
from workflow_orchestration.domain.messages import swift
from workflow_orchestration.domain.records import Party
from workflow_orchestration.domain.validators.base import Context, Verdict, verdict

#: Without charges on file, a gap up to this share of the amount is an unstated commission.
_UNSTATED_COMMISSION = Decimal("0.005")
_PER_CENT = Decimal("0.01")


def structure(context: Context) -> Verdict:
    """V01: sequences nest in what came, and our own reader takes what we would send."""
    faults = [
        f"MT{item.message_type} {item.sender_ref}: {fault}"
        for item in context.facts.items
        if (fault := _unbalanced(item.source.excerpt))
    ]
    written = [step for step in context.steps if step.kind == "message" and step.type != "EMAIL"]
    for step in written:
        try:
            swift.read(step.payload)
        except PlatformError as error:
            faults.append(f"step {step.name}: {error.detail}")
    if not context.facts.items and not written:
        return "NOT_RUN", "no message came, and none would be sent"
    return verdict(faults, f"{len(context.facts.items)} items came, {len(written)} messages to send read back")


def _unbalanced(excerpt: str) -> str | None:
    """An excerpt is one item's own lines: each 16S closes the sequence that 16R opened last."""
    opened: list[str] = []
    for line in excerpt.splitlines():
        if line.startswith(":16R:"):
            opened.append(line[5:])
        elif line.startswith(":16S:") and (not opened or opened.pop() != line[5:]):
            return f"16S of {line[5:]} closes no open sequence"
    return f"sequence {opened[-1]} is not closed" if opened else None


def identifiers(context: Context) -> Verdict:
    """V02: check digits of ISINs, form of BICs."""
    isins, parties = _identifiers(context)
    faults = [fault for isin in dict.fromkeys(isins) if (fault := quality.isin_fault(isin))]
    faults += quality.bic_faults(parties)
    if not isins and not parties:
        return "NOT_RUN", "no ISIN and no party is stated"
    return verdict(faults, f"{len(set(isins))} ISINs and {len(parties)} parties checked")


def _identifiers(context: Context) -> tuple[list[str], tuple[Party, ...]]:
    if context.replacement is not None:
        return [context.replacement.isin], context.replacement.parties
    items, ours = context.facts.items, context.facts.instruction
    isins = [item.isin for item in items if item.isin]
    parties = tuple(party for item in items for party in item.parties)
    return ([*isins, ours.isin], parties + ours.parties) if ours else (isins, parties)


def currency(context: Context) -> Verdict:
    """V03: the currency exists and the decimals fit it."""
    sources = (context.replacement,) if context.replacement else (*context.facts.items, context.facts.instruction)
    amounts = [source.amount for source in sources if source is not None and source.amount is not None]
    if not amounts:
        return "NOT_APPLICABLE", "no amount is stated"
    faults = [fault for amount in amounts if (fault := quality.money_fault(amount))]
    return verdict(faults, f"{len(amounts)} amounts fit their currency")


def dates(context: Context) -> Verdict:
    """V04: trade date not after settlement date, which is a business day in market and currency."""
    source = context.replacement or context.facts.instruction or context.facts.latest()
    market = context.facts.market
    if source is None or source.settlement_date is None:
        return "NOT_RUN", "no settlement date is stated"
    if fault := quality.date_fault(source.trade_date, source.settlement_date):
        return "FAIL", fault
    if market is None:
        return "NOT_RUN", "no market on file for the account: its calendar is not known"
    try:
        open_day = calendars.is_business_day(market, source.settlement_date)
    except calendars.NoCalendarError as error:
        return "NOT_RUN", str(error)
    where = f"{market.calendar} and {market.ccy}"
    if not open_day:
        return "FAIL", f"{source.settlement_date} is no business day of {where}"
    return "PASS", f"{source.settlement_date} is a business day of {where}"


def arithmetic(context: Context) -> Verdict:
    """V05: quantity x price, plus or minus accrued and charges, is the settlement amount."""
    trade = context.facts.trade
    if trade is None:
        return "NOT_RUN", "no trade on file: no price to check against"
    if trade.payment == "FREE":
        return "NOT_APPLICABLE", "free of payment"
    size, amount = context.replacement or trade, (context.replacement or trade).amount
    if trade.price is None or amount is None:
        return "NOT_RUN", f"trade {trade.trade_ref} has no price or no amount"
    expected = settlement_amount(trade, size.quantity.value)
    gap = abs(expected - amount.value)
    said = f"{amount.ccy} {amount.value} against {expected} computed"
    if gap <= _tolerance(trade, amount.ccy):
        return "PASS", said
    if not trade.charges and gap <= amount.value * _UNSTATED_COMMISSION:
        return "WARN", f"{said}: within 0.5 per cent, perhaps a commission that is not on file"
    return "FAIL", said


def settlement_amount(trade: book.Trade, quantity: Decimal) -> Decimal:
    """Deal amount plus accrued interest; charges add for who receives the stock and take off for who delivers."""
    factor = _PER_CENT if trade.price_type == "PRCT" else Decimal(1)
    charges = trade.charges if trade.movement == "RECE" else -trade.charges
    return quantity * (trade.price or Decimal(0)) * factor + trade.accrued + charges


def _tolerance(trade: book.Trade, ccy: str) -> Decimal:
    """Half a minor unit for each term that was rounded."""
    terms = 1 + bool(trade.accrued) + bool(trade.charges)
    return currencies.smallest(ccy) / 2 * terms


def positive(context: Context) -> Verdict:
    """V06: quantities and amounts are above zero (Decimals by type: no float ever gets here)."""
    ours = context.replacement or context.facts.instruction
    alleged = context.facts.latest("instruction", "allegement")
    sources = [source for source in (ours, alleged) if source is not None]
    if not sources:
        return "NOT_RUN", "neither an instruction nor an allegement is on file"
    faults = [fault for source in sources for fault in quality.sign_faults(source.quantity, source.amount)]
    return verdict(faults, "quantities and amounts are above zero")


def duplicates(context: Context) -> Verdict:
    """V07: no earlier message with the same economics inside five days."""
    found = context.facts.duplicates
    return verdict([f"same economics as {reference}" for reference in found], "no message with the same economics")
