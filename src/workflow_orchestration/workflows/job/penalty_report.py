"""The penalty report: what a month's fails cost by our own figures, to be held against the depository's."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from workflow_orchestration.domain import book as books
from workflow_orchestration.domain import calendars
from workflow_orchestration.domain.jobs import PenaltyReport
from workflow_orchestration.domain.records import Money
from workflow_orchestration.store import book, sweeps
from workflow_orchestration.store.db import Row
from workflow_orchestration.workflows.common.context import Node
from workflow_orchestration.workflows.job.found import Found


async def run(node: Node, case: Row, job: PenaltyReport) -> Found:
    """One line a case of the desk: business days that it stood open in the month, times what a day costs."""
    first, last = span(job.month)
    last = min(last, case["now"].date())
    since, until = (datetime.combine(day, datetime.min.time(), UTC) for day in (first, last + timedelta(days=1)))
    markets = await _markets(node)
    rows = await sweeps.penalised(node.conn, case["desk"], since=since, until=until)
    lines = [_line(row, markets.get(row["account"]), first, last) for row in rows]
    charged = [line for line in lines if line["days"] is None or line["days"] > 0]
    sums = totals(charged)
    result = {"month": job.month, "totals": sums, "lines": charged}
    if not charged:
        return Found(result)
    said = ", ".join(f"{ccy} {amount}" for ccy, amount in sorted(sums.items()))
    return Found(
        result,
        task=f"Penalties of {job.month} by our own figures: {said} for {len(charged)} fails. Compare with the "
        "depository's monthly report, and appeal in time where it differs.",
    )


def span(month: str) -> tuple[date, date]:
    """First and last day."""
    first = date.fromisoformat(f"{month}-01")
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


async def _markets(node: Node) -> dict[str, books.Market]:
    """Each account's market: its calendar says which days count."""
    markets = {m.market: m for m in await book.find_all(node.conn, books.Market)}
    accounts = await book.find_all(node.conn, books.Account)
    return {a.account: markets[a.market] for a in accounts if a.market in markets}


def _line(row: Row, market: books.Market | None, first: date, last: date) -> dict[str, Any]:
    """`days` and `amount` are None where the market's calendar is not known: no figure is better than a wrong one."""
    daily = Money.model_validate(row["per_day"])
    began = max(row["created_at"].date(), first)
    ended = min(row["ended_at"].date() - timedelta(days=1) if row["ended_at"] else last, last)
    try:
        days = None if market is None else calendars.business_days_between(market, began - timedelta(days=1), ended)
    except calendars.NoCalendarError:
        days = None
    return {
        "case": row["key"],
        "ccy": daily.ccy,
        "per_day": str(daily.value),
        "days": days,
        "amount": None if days is None else str(daily.value * days),
    }


def totals(lines: list[dict[str, Any]]) -> dict[str, str]:
    """By currency; a line without a figure adds nothing and stands in the list."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        sums[line["ccy"]] += Decimal(line["amount"] or 0)
    return {ccy: str(amount) for ccy, amount in sums.items()}
