from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from workflow_orchestration.domain.messages import swift, values
from workflow_orchestration.domain.records import Money


def field(fin, line: str) -> swift.Field:
    return swift.read(fin(line)).root.fields[0]


@pytest.mark.parametrize(
    ("text", "ccy", "value"),
    [("EUR1,", "EUR", "1"), ("NOK5,25", "NOK", "5.25"), ("NEUR5,", "EUR", "-5"), ("NNOK0,5", "NOK", "-0.5")],
)
def test_an_amount_may_be_negative_and_its_currency_may_start_with_n(fin, text, ccy, value):
    assert values.money(field(fin, f":19A::SETT//{text}")) == Money(ccy=ccy, value=Decimal(value))


@pytest.mark.parametrize(
    ("line", "moment"),
    [
        (":98C::PREP//20261124093000", datetime(2026, 11, 24, 9, 30, tzinfo=UTC)),
        (":98E::PREP//20261124093000", datetime(2026, 11, 24, 9, 30, tzinfo=UTC)),
        (":98E::PREP//20261124093000,25/0130", datetime(2026, 11, 24, 8, 0, 0, 250_000, tzinfo=UTC)),
        (":98E::PREP//20261124230000/N05", datetime(2026, 11, 25, 4, 0, tzinfo=UTC)),
        (":98A::PREP//20261124", None),
    ],
)
def test_times_are_utc_with_their_offset_applied(fin, line, moment):
    assert values.moment(field(fin, line)) == moment


@pytest.mark.parametrize(
    ("line", "day"),
    [
        (":98A::SETT//20240229", date(2024, 2, 29)),
        (":98C::SETT//20261124233000", date(2026, 11, 24)),
        (":98B::SETT//OPEN", None),
    ],
)
def test_dates_come_from_every_option(fin, line, day):
    assert values.day(field(fin, line)) == day


def test_a_percentage_price_is_no_money(fin):
    assert values.price(field(fin, ":90A::DEAL//PRCT/98,5")) is None


def test_rates_and_counts_may_be_negative(fin):
    assert values.rate(field(fin, ":92A::GOMB//N0,5")) == Decimal("-0.5")
    assert values.count(field(fin, ":99A::DAAC//N003")) == -3


def test_a_security_may_be_described_without_an_isin(fin):
    assert values.instrument(field(fin, ":35B:/DE/716460")) == (None, "/DE/716460")
