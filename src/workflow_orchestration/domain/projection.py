"""Can we settle: the stock or cash that the account has, against what the instruction needs (W1-R4)."""

from __future__ import annotations

from decimal import Decimal

from workflow_orchestration.domain import book
from workflow_orchestration.domain.diff import TERMS_OF_TYPE, number
from workflow_orchestration.domain.facts import Facts
from workflow_orchestration.domain.records import Record


class Cover(Record):
    """`enough` is None when no position is on file: nobody knows, and `detail` says what is missing."""

    enough: bool | None
    detail: str


def cover(facts: Facts) -> Cover:
    """A delivery needs the stock, a receipt against payment the cash, a free receipt nothing."""
    instruction = facts.instruction
    if instruction is None:
        return Cover(enough=None, detail="no instruction on file")
    movement, payment = TERMS_OF_TYPE[instruction.message_type]
    if movement == "DELI":
        return _against(facts.stock, instruction.quantity.value, instruction.isin)
    if payment == "FREE":
        return Cover(enough=True, detail="a free receipt needs neither stock nor cash")
    if instruction.amount is None:
        return Cover(enough=None, detail=f"instruction {instruction.our_ref} states no amount")
    return _against(facts.cash, instruction.amount.value, instruction.amount.ccy)


def _against(position: book.Position | None, needed: Decimal, asset: str) -> Cover:
    if position is None:
        return Cover(enough=None, detail=f"no position of {asset} on file")
    return Cover(
        enough=position.available >= needed,
        detail=f"{number(position.available)} {asset} available, {number(needed)} needed",
    )
