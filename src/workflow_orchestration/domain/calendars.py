"""Business days and cut-offs. The calendar libraries are heavy: they load on first use, never in the api process.

A settlement day is a session of the market's exchange calendar and no holiday of its currency. Cut-offs are
wall-clock times of the market's zone, so daylight saving moves them in UTC.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib import import_module
from zoneinfo import ZoneInfo

from workflow_orchestration.domain import book

#: How far ahead a next cut-off or business day is looked for: longer than any holiday season.
_HORIZON_DAYS = 15
#: Currency -> (kind, code, subdivision) in `holidays`: TARGET for EUR, bank holidays of the country otherwise.
_CURRENCY_HOLIDAYS: dict[str, tuple[str, str, str | None]] = {
    "EUR": ("financial", "ECB", None),
    "USD": ("country", "US", None),
    "GBP": ("country", "GB", "ENG"),
    "CHF": ("country", "CH", "ZH"),
    "SEK": ("country", "SE", None),
    "DKK": ("country", "DK", None),
    "NOK": ("country", "NO", None),
    "JPY": ("country", "JP", None),
}


class NoCalendarError(LookupError):
    """The market's calendar or currency is not known: the rule that asked cannot run."""


def load() -> None:
    """Import the calendar libraries now: a worker does so before its first case."""
    for library in ("exchange_calendars", "holidays"):
        import_module(library)


def is_business_day(market: book.Market, day: date) -> bool:
    """Can the market settle on this day, in stock and in cash?"""
    return day.weekday() < 5 and not _is_holiday(market.ccy, day) and _is_session(market.calendar, day)


def next_business_day(market: book.Market, day: date) -> date | None:
    """The first business day after `day`; None when there is none within the horizon."""
    ahead = (day + timedelta(days=n) for n in range(1, _HORIZON_DAYS + 1))
    return next((d for d in ahead if is_business_day(market, d)), None)


def business_days_between(market: book.Market, start: date, end: date) -> int:
    """Business days after `start` up to and including `end`; 0 when `end` is not later."""
    days = (start + timedelta(days=n) for n in range(1, (end - start).days + 1))
    return sum(is_business_day(market, day) for day in days)


def cutoffs(market: book.Market, day: date, *, delay_minutes: int = 0) -> tuple[datetime, ...]:
    """The day's cut-offs in UTC, in order; none when it is no business day."""
    if not is_business_day(market, day):
        return ()
    zone = ZoneInfo(market.time_zone)
    local = (datetime.combine(day, time.fromisoformat(clock), zone) for clock in market.cutoffs)
    return tuple(moment.astimezone(UTC) + timedelta(minutes=delay_minutes) for moment in local)


def next_cutoff(market: book.Market, now: datetime) -> datetime | None:
    """The next cut-off after `now` in UTC; an announced delay moves today's only."""
    today = now.astimezone(ZoneInfo(market.time_zone)).date()
    for ahead in range(_HORIZON_DAYS + 1):
        delay = market.delay_minutes if ahead == 0 else 0
        later = [c for c in cutoffs(market, today + timedelta(days=ahead), delay_minutes=delay) if c > now]
        if later:
            return later[0]
    return None


def last_cutoff_today(market: book.Market, now: datetime) -> datetime | None:
    """Today's last chance in UTC, announced delay included; None when today is no business day there."""
    today = now.astimezone(ZoneInfo(market.time_zone)).date()
    moments = cutoffs(market, today, delay_minutes=market.delay_minutes)
    return moments[-1] if moments else None


@cache
def _sessions(calendar: str, year: int) -> frozenset[date]:
    """All sessions of one year: a few hundred dates, so that a sweep over cases loads each year once."""
    import exchange_calendars
    from exchange_calendars.errors import CalendarError

    try:
        found = exchange_calendars.get_calendar(calendar, start=f"{year}-01-01", end=f"{year}-12-31")
    except (CalendarError, ValueError) as error:
        raise NoCalendarError(f"calendar {calendar} for {year}: {error}") from error
    return frozenset(session.date() for session in found.sessions)


def _is_session(calendar: str, day: date) -> bool:
    return day in _sessions(calendar, day.year)


@cache
def _currency_holidays(ccy: str, year: int) -> frozenset[date]:
    import holidays

    if ccy not in _CURRENCY_HOLIDAYS:
        known = ", ".join(sorted(_CURRENCY_HOLIDAYS))
        raise NoCalendarError(f"no holiday calendar for currency {ccy}; known: {known}")
    kind, code, subdivision = _CURRENCY_HOLIDAYS[ccy]
    if kind == "financial":
        return frozenset(holidays.financial_holidays(code, years=year))
    return frozenset(holidays.country_holidays(code, subdiv=subdivision, years=year))


def _is_holiday(ccy: str, day: date) -> bool:
    return day in _currency_holidays(ccy, day.year)
