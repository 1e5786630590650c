"""The sweep: what should have moved by now, and is in nobody's hands, becomes one case a group."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from workflow_orchestration.domain import book as books
from workflow_orchestration.domain import calendars, groups
from workflow_orchestration.domain.canonical import plain
from workflow_orchestration.domain.groups import Group, Line
from workflow_orchestration.domain.jobs import Sweep
from workflow_orchestration.store import book, cases, log, sweeps
from workflow_orchestration.store.db import Row
from workflow_orchestration.store.notify import WORK
from workflow_orchestration.workflows.common.context import Node
from workflow_orchestration.workflows.job.found import Found


async def run(node: Node, case: Row, job: Sweep) -> Found:
    market = await book.find(node.conn, books.Market, job.market)
    if market is None:
        return Found(_result(None), task=f"The sweep of {job.market}: the book has no such market.")
    try:
        day = settlement_date(market[0], job)
    except calendars.NoCalendarError as error:
        return Found(_result(None), task=f"The sweep of {job.market} on {job.day}: {error}")
    if day is None:
        return Found(_result(None))
    accounts = {a.account: a for a in await book.find_all(node.conn, books.Account) if a.market == job.market}
    dues = await sweeps.due(node.conn, list(accounts), day)
    found = groups.grouped(dues, on_the_day=job.moment == "SD")
    opened = [await _open(node, case, job, accounts[account], why, lines) for (account, why), lines in found.items()]
    if opened:
        node.wakes.add(WORK)
    return Found(_result(day, looked_at=len(dues), opened=opened))


def settlement_date(market: books.Market, job: Sweep) -> date | None:
    """The day that a sweep is about; None when the market is closed on the day it is made."""
    if not calendars.is_business_day(market, job.day):
        return None
    return job.day if job.moment == "SD" else calendars.next_business_day(market, job.day)


def _result(day: date | None, *, looked_at: int = 0, opened: Sequence[str] = ()) -> dict[str, Any]:
    """The day that was swept (None: the market was closed), settlements looked at, the groups' cases."""
    return {"settlement_date": day and day.isoformat(), "looked_at": looked_at, "groups": list(opened)}


async def _open(node: Node, case: Row, job: Sweep, account: books.Account, why: str, lines: tuple[Line, ...]) -> str:
    """The group's case. Its key holds the sweep's day and moment: the same sweep again opens nothing new."""
    day = lines[0].settlement_date.isoformat()
    group = Group(sweep=str(case["id"]), account=account.account, cause=why, lines=lines)
    opened, _ = await cases.open_case(
        node.conn,
        cases.NewCase(
            workflow="group",
            key=f"{job.market}/{day}/{job.moment}/{account.account}/{why}",
            desk=account.desk,
            requester=case["requester"],
            title=f"{len(lines)} settlements of {account.account} on {day}: {groups.meaning(group)}",
            input=plain(group),
            account=account.account,
        ),
        log.WORKER,
    )
    return str(opened["id"])
