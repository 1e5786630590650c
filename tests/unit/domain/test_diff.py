"""Field diff and fault side."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from workflow_orchestration.domain import diff
from workflow_orchestration.domain.facts import DiffRow, FaultSide
from workflow_orchestration.domain.records import Money, Quantity

if TYPE_CHECKING:
    from tests.unit.domain.conftest import Desk

BOTH = ("mt548-nmat-dmon-WO-1001", "mt578-allegement-WO-1001")


def test_only_the_amount_differs_and_shows_all_three_sides(desk: Desk) -> None:
    (row,) = diff.compare(desk.facts(*BOTH))
    assert (row.field, row.trade, row.ours, row.theirs) == (
        "amount", "EUR 123456.50", "EUR 123456.50", "EUR 123465.50"
    )  # fmt: skip
    assert row.evidence == ("trade", "instruction", "allegement")


@pytest.mark.parametrize(
    ("trade", "ours", "theirs", "side"), [
        ("1", "2", "1", FaultSide.OWN), ("1", "1", "2", FaultSide.CPTY), ("1", "2", "3", FaultSide.SHARED),
        (None, "1", "2", FaultSide.UNKNOWN), ("1", None, "2", FaultSide.CPTY), ("1", "2", None, FaultSide.OWN),
    ]
)  # fmt: skip
def test_who_differs_from_the_trade_is_at_fault(
    trade: str | None, ours: str | None, theirs: str | None, side: FaultSide
) -> None:
    assert diff.fault((DiffRow(field="amount", trade=trade, ours=ours, theirs=theirs),)) is side


def test_without_a_difference_nobody_is_at_fault() -> None:
    assert diff.fault(()) is FaultSide.UNKNOWN


@pytest.mark.parametrize(
    ("field", "change"), [
        ("quantity", {"quantity": Quantity(type="UNIT", value=Decimal(999))}),
        ("quantity", {"quantity": Quantity(type="FAMT", value=Decimal(1000))}),
        ("amount", {"amount": Money(ccy="USD", value=Decimal("123456.50"))}),
        ("isin", {"isin": "FR0000120271"}),
        ("movement", {"movement": "DELI"}),
        ("payment", {"payment": "FREE"}),
        ("trade_date", {"trade_date": "2026-11-19"}),
        ("settlement_date", {"settlement_date": "2026-11-25"}),
        ("price", {"price": Money(ccy="EUR", value=Decimal("123.5"))}),
        ("counterparty", {"parties": ({"role": "SELL", "bic": "BRKRFRPPXXX"},)}),
    ]
)  # fmt: skip
def test_each_field_of_the_allegement_is_compared(desk: Desk, field: str, change: dict[str, Any]) -> None:
    right = {"amount": Money(ccy="EUR", value=Decimal("123456.50"))}
    stated = desk.item(BOTH[1]).model_dump() | right | change
    alleged = type(desk.item(BOTH[1])).model_validate(stated)
    rows = diff.compare(desk.facts(BOTH[0], items=(alleged,)))
    assert [row.field for row in rows] == [field]


def test_equal_values_written_differently_are_equal(desk: Desk) -> None:
    amount = Money(ccy="EUR", value=Decimal("123456.5"))
    same = desk.item(BOTH[1], amount=amount, quantity=Quantity(type="UNIT", value=Decimal("1000.000")))
    assert diff.compare(desk.facts(BOTH[0], items=(same,))) == ()


def test_head_office_bic_equals_its_short_form(desk: Desk) -> None:
    trade = desk.book["trade/TRD-1001"].model_copy(update={"counterparty_bic": "CPTYGB2L"})
    assert diff.compare(desk.facts(BOTH[0], trade=trade)) == ()


def test_copy_of_our_instruction_serves_where_the_book_has_none(desk: Desk) -> None:
    facts = desk.facts("mt543-newm-WO-1002", instruction=None)
    (row,) = diff.compare(facts)
    assert (row.trade, row.ours) == ("EUR 250000.00", "EUR 255000.00")


@pytest.mark.parametrize(
    ("value", "text"), [("5", "5"), ("5.00", "5"), ("0.10", "0.1"), ("1E+3", "1000"), ("100", "100")]
)
def test_numbers_are_plain_digits_without_trailing_zeros(value: str, text: str) -> None:
    assert diff.number(Decimal(value)) == text


def test_amount_that_does_not_fit_its_currency_is_shown_as_sent() -> None:
    assert diff.money(Money(ccy="EUR", value=Decimal("1.0055"))) == "EUR 1.0055"
    assert diff.money(Money(ccy="JPY", value=Decimal("100.00"))) == "JPY 100"
