"""Business days and cut-offs, across holidays and daylight saving."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from workflow_orchestration.domain import book, calendars


def market(**changes: object) -> book.Market:
    base = {
        "market": "XETR", "calendar": "XETR", "ccy": "EUR", "time_zone": "Europe/Berlin", "cutoffs": ["12:00", "16:00"],
    }  # fmt: skip
    return book.Market.model_validate(base | changes)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("day", "is_open"), [
        (date(2026, 11, 24), True), (date(2026, 11, 22), False), (date(2026, 12, 25), False),
        (date(2026, 4, 3), False), (date(2026, 12, 24), False),
    ]
)  # fmt: skip
def test_weekends_and_holidays_are_no_business_days(day: date, is_open: bool) -> None:
    assert calendars.is_business_day(market(), day) is is_open


def test_day_must_be_open_in_market_and_currency() -> None:
    thanksgiving = date(2026, 11, 26)
    assert calendars.is_business_day(market(), thanksgiving)
    assert not calendars.is_business_day(market(ccy="USD"), thanksgiving)


@pytest.mark.parametrize(
    ("day", "last"), [
        (date(2026, 3, 27), at(2026, 3, 27, 15)), (date(2026, 3, 30), at(2026, 3, 30, 14)),
        (date(2026, 10, 23), at(2026, 10, 23, 14)), (date(2026, 10, 26), at(2026, 10, 26, 15)),
    ]
)  # fmt: skip
def test_cutoff_moves_in_utc_with_daylight_saving(day: date, last: datetime) -> None:
    assert calendars.cutoffs(market(), day)[-1] == last


def test_holiday_has_no_cutoff() -> None:
    assert calendars.cutoffs(market(), date(2026, 12, 25)) == ()


@pytest.mark.parametrize(
    ("now", "coming"), [
        (at(2026, 11, 24, 10), at(2026, 11, 24, 11)), (at(2026, 11, 24, 11), at(2026, 11, 24, 15)),
        (at(2026, 11, 24, 15), at(2026, 11, 25, 11)), (at(2026, 12, 23, 16), at(2026, 12, 28, 11)),
    ]
)  # fmt: skip
def test_next_cutoff_skips_what_has_passed_and_holidays(now: datetime, coming: datetime) -> None:
    assert calendars.next_cutoff(market(), now) == coming


def test_announced_delay_moves_todays_cutoff_only() -> None:
    delayed = market(delay_minutes=30)
    assert calendars.last_cutoff_today(delayed, at(2026, 11, 24, 15, 10)) == at(2026, 11, 24, 15, 30)
    assert calendars.next_cutoff(delayed, at(2026, 11, 24, 15, 10)) == at(2026, 11, 24, 15, 30)
    assert calendars.next_cutoff(delayed, at(2026, 11, 24, 15, 30)) == at(2026, 11, 25, 11)


def test_business_days_are_counted_after_the_start_and_with_the_end() -> None:
    assert calendars.business_days_between(market(), date(2026, 11, 20), date(2026, 11, 24)) == 2
    assert calendars.business_days_between(market(), date(2026, 11, 24), date(2026, 11, 20)) == 0


def test_next_business_day_jumps_over_christmas() -> None:
    assert calendars.next_business_day(market(), date(2026, 12, 23)) == date(2026, 12, 28)


@pytest.mark.parametrize(
    ("changes", "words"), [({"calendar": "NOPE"}, "calendar NOPE"), ({"ccy": "ZMW"}, "currency ZMW; known: CHF")]
)
def test_unknown_calendar_is_said_by_name(changes: dict[str, object], words: str) -> None:
    with pytest.raises(calendars.NoCalendarError, match=words):
        calendars.is_business_day(market(**changes), date(2026, 11, 24))
