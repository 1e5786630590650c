"""Cash penalties: to the cent."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args

import pytest

from workflow_orchestration.domain import book, penalties
from workflow_orchestration.domain.exposure import penalty_per_day
from workflow_orchestration.domain.records import Money, Penalty, Quantity

if TYPE_CHECKING:
    from tests.unit.domain.conftest import Desk

DAY = date(2026, 11, 24)


def security(asset_class: Any, price: str) -> book.Security:
    return book.Security(
        isin="DE0007164600", name="S", asset_class=asset_class, price=Money(ccy="EUR", value=Decimal(price))
    )


def units(value: str, kind: str = "UNIT") -> Quantity:
    return Quantity(type=kind, value=Decimal(value))


@pytest.mark.parametrize(
    ("asset_class", "price", "quantity", "daily"), [
        ("LIQUID_SHARE", "123.4565", units("1000"), "12.35"),
        ("ILLIQUID_SHARE", "100", units("1000"), "5.00"),
        ("SME_SHARE", "100", units("1000"), "2.50"),
        ("SOVEREIGN_DEBT", "98.50", units("2000000", "FAMT"), "19.70"),
        ("OTHER_DEBT", "100", units("1000000", "FAMT"), "20.00"),
        ("SME_DEBT", "100", units("1000000", "AMOR"), "15.00"),
        ("OTHER", "10", units("1000"), "0.50"),
        ("LIQUID_SHARE", "0.50", units("100"), "0.01"),
    ]
)  # fmt: skip
def test_fail_costs_the_rate_of_its_class_rounded_half_up(
    asset_class: str, price: str, quantity: Quantity, daily: str
) -> None:
    assert penalties.settlement_fail(security(asset_class, price), quantity, DAY) == Money(
        ccy="EUR", value=Decimal(daily)
    )


def test_every_asset_class_of_the_book_has_a_rate() -> None:
    for asset_class in get_args(book.Security.model_fields["asset_class"].annotation):
        assert penalties.rate(asset_class, DAY) is not None


def test_before_the_regime_nothing_is_charged() -> None:
    assert penalties.settlement_fail(security("OTHER", "10"), units("1"), date(2022, 1, 31)) is None
    assert penalties.late_matching(security("OTHER", "10"), units("1"), date(2022, 1, 31), business_days=2) is None


def test_late_matching_costs_each_business_day() -> None:
    late = penalties.late_matching(security("LIQUID_SHARE", "123.4565"), units("1000"), DAY, business_days=3)
    assert late == Money(ccy="EUR", value=Decimal("37.05"))


@pytest.mark.parametrize(("days", "daily"), [(None, "10.00"), (1, "10.00"), (3, "3.33")])
def test_stated_penalty_is_spread_over_its_days(days: int | None, daily: str) -> None:
    stated = Penalty(reference="P", type="SEFP", amount=Money(ccy="EUR", value=Decimal(10)), days=days)
    assert penalties.stated_per_day(stated) == Money(ccy="EUR", value=Decimal(daily))


def test_stated_penalty_outranks_the_computed_one(desk: Desk) -> None:
    stated = Penalty(reference="P", type="SEFP", amount=Money(ccy="EUR", value=Decimal("7.00")))
    facts = desk.facts(items=(desk.item("mt548-penf-clac-WO-1004", penalty=stated),))
    assert penalty_per_day(facts, "CPTY_STOCK") == stated.amount


def test_lack_of_cash_gives_no_figure(desk: Desk) -> None:
    assert penalty_per_day(desk.facts("mt548-penf-clac-WO-1004"), "CPTY_CASH") is None
