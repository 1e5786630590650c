"""Field by field: the booked trade, our instruction, the other side; and so whose fault a difference is.

Values are compared as canonical text ("EUR 123456.50", "UNIT 1000"), so what people see is what was compared.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from workflow_orchestration.domain import book, currencies
from workflow_orchestration.domain.facts import DiffRow, Facts, FaultSide
from workflow_orchestration.domain.records import MessageItem, Money, Party, Quantity, Record

#: Instruction type -> (movement, payment), from our side.
TERMS_OF_TYPE: dict[str, tuple[str, str]] = {
    "540": ("RECE", "FREE"),
    "541": ("RECE", "APMT"),
    "542": ("DELI", "FREE"),
    "543": ("DELI", "APMT"),
}
#: Our movement -> the role that names the counterparty.
COUNTERPARTY_ROLE = {"RECE": "SELL", "DELI": "BUYR"}


class Terms(Record):
    """One side's economics as canonical text; None = not stated. The order is that of the diff."""

    amount: str | None = None
    quantity: str | None = None
    isin: str | None = None
    settlement_date: str | None = None
    trade_date: str | None = None
    movement: str | None = None
    payment: str | None = None
    price: str | None = None
    counterparty: str | None = None


def number(value: Decimal) -> str:
    """Plain digits without trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(value: Money | None) -> str | None:
    """Currency and amount with its minor units; more decimals are kept as sent."""
    if value is None:
        return None
    if currencies.fits(value.ccy, value.value):
        return f"{value.ccy} {value.value.quantize(currencies.smallest(value.ccy)):f}"
    return f"{value.ccy} {number(value.value)}"


def quantity(value: Quantity | None) -> str | None:
    return None if value is None else f"{value.type} {number(value.value)}"


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def _bic(value: str | None) -> str | None:
    """Head office and no branch are the same BIC."""
    return value.removesuffix("XXX") if value is not None and len(value) == 11 else value


def _counterparty(parties: tuple[Party, ...], movement: str | None) -> str | None:
    role = COUNTERPARTY_ROLE.get(movement or "")
    return next((_bic(party.bic) for party in parties if party.role == role), None)


def of_trade(trade: book.Trade) -> Terms:
    return Terms(
        amount=money(trade.amount), quantity=quantity(trade.quantity), isin=trade.isin,
        settlement_date=_day(trade.settlement_date), trade_date=_day(trade.trade_date),
        movement=trade.movement, payment=trade.payment, counterparty=_bic(trade.counterparty_bic),
        price=None if trade.price is None else number(trade.price),
    )  # fmt: skip


def of_instruction(instruction: book.Instruction) -> Terms:
    movement, payment = TERMS_OF_TYPE[instruction.message_type]
    return Terms(
        amount=money(instruction.amount), quantity=quantity(instruction.quantity), isin=instruction.isin,
        settlement_date=_day(instruction.settlement_date), trade_date=_day(instruction.trade_date),
        movement=movement, payment=payment, counterparty=_counterparty(instruction.parties, movement),
    )  # fmt: skip


def of_item(item: MessageItem) -> Terms:
    """An allegement or a copy of an instruction. Movement is from the account owner's side in both."""
    movement, payment = TERMS_OF_TYPE.get(item.message_type, (item.movement, item.payment))
    return Terms(
        amount=money(item.amount), quantity=quantity(item.quantity), isin=item.isin,
        settlement_date=_day(item.settlement_date), trade_date=_day(item.trade_date),
        movement=movement, payment=payment, counterparty=_counterparty(item.parties, movement),
        price=None if item.price is None else number(item.price.value),
    )  # fmt: skip


def sides(facts: Facts) -> tuple[Terms, Terms, Terms]:
    """Trade, ours, theirs; ours is the book's instruction, else the newest copy of it that came as a message."""
    copy, allegement = facts.latest("instruction"), facts.latest("allegement")
    trade = of_trade(facts.trade) if facts.trade else Terms()
    theirs = of_item(allegement) if allegement else Terms()
    if facts.instruction:
        return trade, of_instruction(facts.instruction), theirs
    return trade, of_item(copy) if copy else Terms(), theirs


def compare(facts: Facts) -> tuple[DiffRow, ...]:
    """The fields on which two sides that state them disagree."""
    trade, ours, theirs = sides(facts)
    rows = (_row(field, trade, ours, theirs) for field in Terms.model_fields)
    return tuple(row for row in rows if len({row.trade, row.ours, row.theirs} - {None}) > 1)


def _row(field: str, trade: Terms, ours: Terms, theirs: Terms) -> DiffRow:
    stated = {
        "trade": getattr(trade, field),
        "instruction": getattr(ours, field),
        "allegement": getattr(theirs, field),
    }
    return DiffRow(
        field=field, trade=stated["trade"], ours=stated["instruction"], theirs=stated["allegement"],
        evidence=tuple(name for name, value in stated.items() if value is not None),
    )  # fmt: skip


def fault(rows: tuple[DiffRow, ...]) -> FaultSide:
    """Who differs from the booked trade: ours OWN, theirs CPTY, both SHARED; nobody or no trade UNKNOWN."""
    own = any(row.trade and row.ours and row.ours != row.trade for row in rows)
    cpty = any(row.trade and row.theirs and row.theirs != row.trade for row in rows)
    if own and cpty:
        return FaultSide.SHARED
    if own:
        return FaultSide.OWN
    return FaultSide.CPTY if cpty else FaultSide.UNKNOWN
