"""Data faults: named, with the value."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from workflow_orchestration.domain import currencies, quality
from workflow_orchestration.domain.records import MessageItem, Money, Party, Quantity


@pytest.mark.parametrize("isin", ["DE0007164600", "DE0001102580", "FR0000120271", None])
def test_right_or_absent_isin_has_no_fault(isin: str | None) -> None:
    assert quality.isin_fault(isin) is None


@pytest.mark.parametrize("isin", ["DE0007164601", "XX000000", "A1234567890", ""])
def test_wrong_isin_is_named(isin: str) -> None:
    assert f"ISIN {isin} fails" in (quality.isin_fault(isin) or "")


@pytest.mark.parametrize(
    ("ccy", "value", "words"), [
        ("EUR", "1.25", None), ("JPY", "100", None), ("KWD", "1.125", None),
        ("EUR", "1.255", "more than 2 decimals"), ("JPY", "1.5", "more than 0 decimals"),
        ("XXX", "1", "not an ISO 4217 code"), ("eur", "1", "not an ISO 4217 code"),
    ]
)  # fmt: skip
def test_amount_must_exist_in_its_currency(ccy: str, value: str, words: str | None) -> None:
    fault = quality.money_fault(Money(ccy=ccy, value=Decimal(value)))
    assert fault is None if words is None else words in (fault or "")


def test_bad_bic_is_named_with_its_role() -> None:
    parties = (Party(role="SELL", bic="CPTYGB2LXXX"), Party(role="PSET", bic="NOPE"), Party(role="DEAG", name="Free"))
    assert quality.bic_faults(parties) == ("BIC NOPE of PSET is not well formed",)


@pytest.mark.parametrize(
    ("changes", "words"), [
        ({"isin": "DE0007164601"}, "ISIN DE0007164601"),
        ({"amount": Money(ccy="EUR", value=Decimal("1.005"))}, "more than 2 decimals"),
        ({"trade_date": date(2026, 1, 2), "settlement_date": date(2026, 1, 1)}, "is after settlement date"),
        ({"kind": "instruction", "quantity": Quantity(type="UNIT", value=Decimal(0))}, "quantity 0 is not above zero"),
    ]
)  # fmt: skip
def test_each_data_fault_of_an_item_is_found(bare_item: MessageItem, changes: dict[str, Any], words: str) -> None:
    (fault,) = quality.data_faults(bare_item.model_copy(update=changes))
    assert words in fault


def test_negative_amount_of_a_status_is_a_debit_and_no_fault(bare_item: MessageItem) -> None:
    debit = bare_item.model_copy(update={"amount": Money(ccy="EUR", value=Decimal("-5.00"))})
    assert quality.data_faults(debit) == ()


def test_minor_unit_of_a_currency() -> None:
    assert (currencies.smallest("EUR"), currencies.smallest("JPY")) == (Decimal("0.01"), Decimal(1))
    assert currencies.minor_units("ZZZ") is None
