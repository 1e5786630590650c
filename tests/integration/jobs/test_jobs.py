"""Scheduled jobs and the groups of a sweep, on a real worker and a real database."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Database
from tests.platform import ANN, SUE, Platform, platform
from workflow_orchestration.domain import book as books
from workflow_orchestration.domain import groups
from workflow_orchestration.domain.errors import InvalidRequest
from workflow_orchestration.domain.roles import Principal, Role
from workflow_orchestration.store import book, casework, kill, lifecycle, sweeps

AIRFLOW = Principal("airflow", frozenset({Role.AIRFLOW}), frozenset({"*"}))
#: The sample book's settlements are due on Tuesday 2026-11-24.
EVE, DAY = date(2026, 11, 23), date(2026, 11, 24)


@pytest.fixture
async def here(database: Database, tmp_path: Path) -> AsyncIterator[Platform]:
    async with platform(database.worker, tmp_path) as found:
        yield found


async def start(here: Platform, key: str, *, desk: str = "operations", **job: Any) -> str:
    """What a scheduler asks for: the case of a job."""
    asked = {"workflow": "job", "key": key, "owner": "ti-1", "expires_at": None, "input": job, "desk": desk}
    new = casework.ensured(asked, AIRFLOW)
    found = await here.do(lambda c: lifecycle.ensure(c, new, restart_on=(), principal=AIRFLOW))
    return str(found.case["id"])


async def sweep(here: Platform, day: date = EVE, moment: str = "T-1", market: str = "XETR") -> dict[str, Any]:
    case_id = await start(
        here, f"sweep/{market}/{day}/{moment}", job="sweep", market=market, moment=moment, day=str(day)
    )
    return dict(await here.ended(case_id, "resolved"))


async def group_cases(here: Platform) -> list[dict[str, Any]]:
    return [dict(r) for r in await here.sql("select * from cases where workflow = 'group' order by key")]


async def test_a_sweep_makes_one_case_for_each_account_and_cause(here: Platform) -> None:
    swept = await sweep(here)
    assert swept["findings"]["job"]["settlement_date"] == "2026-11-24"
    assert swept["findings"]["job"]["looked_at"] == 5
    assert [(c["key"], len(c["input"]["lines"])) for c in await group_cases(here)] == [
        ("XETR/2026-11-24/T-1/SAFE-0001/NO_STATUS", 2),
        ("XETR/2026-11-24/T-1/SAFE-0002/NO_STATUS", 3),
    ]


async def test_what_has_a_case_of_its_own_is_in_no_group(here: Platform) -> None:
    await here.post_sample("mt548-nmat-dmon-WO-1002")
    await sweep(here)
    lines = {line["reference"] for c in await group_cases(here) for line in c["input"]["lines"]}
    assert lines == {"WO-1001", "WO-1003", "WO-1004", "WO-1005"}


async def test_the_same_sweep_twice_opens_nothing_twice(here: Platform) -> None:
    first = await sweep(here)
    again = await start(here, "sweep/again", job="sweep", market="XETR", moment="T-1", day=str(EVE))
    second = await here.ended(again, "resolved")
    assert second["findings"]["job"]["groups"] == first["findings"]["job"]["groups"]
    assert len(await group_cases(here)) == 2


@pytest.mark.parametrize("day", [date(2026, 11, 21), date(2026, 12, 25)])
async def test_a_sweep_on_a_day_that_the_market_is_closed_does_nothing(here: Platform, day: date) -> None:
    swept = await sweep(here, day, "SD")
    assert swept["findings"]["job"]["settlement_date"] is None
    assert await group_cases(here) == []


async def test_the_eve_of_a_holiday_sweeps_the_next_business_day(here: Platform) -> None:
    """Christmas Eve is no session of XETR, so the 23rd looks at the 28th: past Christmas and the weekend."""
    swept = await sweep(here, date(2026, 12, 23))
    assert swept["findings"]["job"]["settlement_date"] == "2026-12-28"


async def test_a_sweep_of_an_unknown_market_asks_a_person(here: Platform) -> None:
    case_id = await start(here, "sweep/XXXX", job="sweep", market="XXXX", moment="SD", day=str(DAY))
    [task] = await here.wait_for(lambda: here.open_tasks(case_id), "a task")
    assert "the book has no such market" in task["text"]


async def test_a_group_is_chased_once_one_person_has_approved(here: Platform) -> None:
    await sweep(here)
    case_id = str((await group_cases(here))[0]["id"])
    approval = await here.approval(case_id)
    assert (approval["tier"], approval["action"]) == ("T1", "CHASE")
    await here.decide(approval, ANN)
    await here.ended(case_id, "resolved")
    [effect] = await here.effects(case_id)
    assert "WO-1003" in effect["payload"]
    assert "WO-1004" in effect["payload"]
    assert effect["recipient"] == "CUSTDEFFXXX"


async def test_a_rejected_chaser_becomes_a_persons_task(here: Platform) -> None:
    await sweep(here)
    case_id = str((await group_cases(here))[0]["id"])
    await here.decide(await here.approval(case_id), ANN, "reject", reason_code="not_now", comment="we call them")
    [task] = await here.wait_for(lambda: here.open_tasks(case_id), "a task")
    assert "people turned the chaser down" in task["text"]
    await here.do(lambda c: casework.complete_task(c, str(task["id"]), SUE, result={}, comment=None))
    await here.ended(case_id, "resolved")
    assert await here.effects(case_id) == []


async def test_a_contact_that_changed_after_the_approval_stops_the_chaser(here: Platform) -> None:
    await sweep(here)
    case_id = str((await group_cases(here))[0]["id"])
    approval = await here.approval(case_id)
    other = books.Contact(contact="custodian-settlements", name="Other", channel="MT599", address="OTHRDEFFXXX")
    await here.do(lambda c: book.put(c, "contact", [other], SUE.actor()))
    await here.decide(approval, ANN)

    async def refused() -> Any:
        return [e for e in await here.effects(case_id) if e["state"] == "refused"]

    [effect] = await here.wait_for(refused, "the refusal")
    assert effect["refusal"]["rule"] == "W1-R7"


async def test_a_kill_switch_stops_the_chasers_of_groups(here: Platform) -> None:
    await sweep(here)
    case_id = str((await group_cases(here))[0]["id"])
    await here.do(lambda c: kill.put(c, "workflow:group", engaged=True, reason="test", principal=SUE))
    await here.decide(await here.approval(case_id), ANN)

    async def refused() -> Any:
        return [e for e in await here.effects(case_id) if e["state"] == "refused"]

    assert await here.wait_for(refused, "the refusal")


async def test_a_trade_without_instruction_is_our_own_task(here: Platform) -> None:
    trade = books.Trade(
        trade_ref="TRD-9", account="SAFE-0001", isin="DE0007164600", movement="RECE", payment="FREE",
        quantity={"type": "UNIT", "value": "5"}, trade_date=EVE, settlement_date=DAY, counterparty_bic="CPTYGB2LXXX",
    )  # fmt: skip
    await here.do(lambda c: book.put(c, "trade", [trade], SUE.actor()))
    await sweep(here)
    [case] = [c for c in await group_cases(here) if c["key"].endswith("UNINSTRUCTED")]
    [task] = await here.wait_for(lambda: here.open_tasks(str(case["id"])), "a task")
    assert "TRD-9" in task["text"]
    assert await here.approvals(str(case["id"])) == []


async def test_ten_thousand_settlements_are_few_cases_with_a_progress_view(here: Platform) -> None:
    made = [
        books.Instruction(
            our_ref=f"BULK{n:06d}", message_type="541", account=f"SAFE-000{1 + n % 2}", isin="DE0007164600",
            quantity={"type": "UNIT", "value": "1"}, amount={"ccy": "EUR", "value": "10.00"}, settlement_date=DAY,
        )
        for n in range(10_000)
    ]  # fmt: skip
    await here.do(lambda c: book.put(c, "instruction", made, SUE.actor()))
    began = time.monotonic()
    case_id = await start(here, "sweep/bulk", job="sweep", market="XETR", moment="SD", day=str(DAY))

    async def over() -> Any:
        case = await here.case(case_id)
        return case["status"] != "open" and case

    swept = await here.wait_for(over, "the sweep", seconds=60)
    assert time.monotonic() - began < 30
    assert swept["findings"]["job"]["looked_at"] == 10_005
    assert len(await group_cases(here)) == 2
    for case in await group_cases(here):
        [task] = await here.wait_for(lambda c=case: here.open_tasks(str(c["id"])), "a task")
        assert f"more than {groups.MOST_CHASED}" in task["text"]
    shown = await here.do(lambda c: sweeps.progress(c, case_id, SUE))
    assert (shown["groups"], shown["groups_open"], shown["instructions"]) == (2, 2, 10_005)
    other_desk = Principal("rita", frozenset({Role.OPS_ANALYST}), frozenset({"operations", "rates"}))
    shown = await here.do(lambda c: sweeps.progress(c, case_id, other_desk))
    assert [item["account"] for item in shown["items"]] == ["SAFE-0001"]


async def test_an_incident_waits_for_a_person_and_then_ends(here: Platform) -> None:
    case_id = await start(here, "incident/1", job="incident", about="the book did not load")
    [task] = await here.wait_for(lambda: here.open_tasks(case_id), "a task")
    assert task["text"] == "the book did not load"
    await here.do(lambda c: casework.complete_task(c, str(task["id"]), SUE, result={}, comment="loaded by hand"))
    await here.ended(case_id, "resolved")


async def test_the_penalty_report_counts_business_days_of_its_desk_and_asks_for_comparison(here: Platform) -> None:
    failing = await here.post_sample("mt548-penf-clac-WO-1004")
    await here.approval(failing)
    opened: datetime = (await here.case(failing))["created_at"]
    month = {"job": "penalty_report", "month": f"{opened:%Y-%m}"}
    other = await start(here, "penalties/equities", desk="equities", **month)
    assert (await here.ended(other, "resolved"))["findings"]["job"]["totals"] == {}
    mine = await start(here, "penalties/rates", desk="rates", **month)
    [task] = await here.wait_for(lambda: here.open_tasks(mine), "a task")
    [line] = (await here.case(mine))["findings"]["job"]["lines"]
    days = int(opened.weekday() < 5)
    assert (line["case"], line["days"]) == ("SAFE-0001/WO-1004", days)
    assert Decimal(line["amount"]) == Decimal(line["per_day"]) * days
    assert f"{line['ccy']} {line['amount']}" in task["text"]


async def test_retention_says_what_it_removed_and_what_is_left(here: Platform) -> None:
    case = await start(here, "retention", job="retention", days=30)
    assert (await here.ended(case, "resolved"))["findings"]["job"] == {"removed": 0, "left": 0}


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({"job": "sweep", "market": "XETR", "moment": "T-2", "day": "2026-11-23"}, "input.sweep.moment"),
        ({"job": "sweep", "market": "XETR", "moment": "SD", "day": "yesterday"}, "input.sweep.day"),
        ({"job": "penalty_report", "month": "2026-13"}, "input.penalty_report.month"),
        ({"job": "retention", "days": 1}, "input.retention.days"),
        ({"job": "delete_everything"}, "input"),
    ],
)
def test_a_job_that_cannot_be_done_is_refused_when_it_is_asked_for(given: dict[str, Any], cause: str) -> None:
    asked = {"workflow": "job", "key": "k", "owner": "o", "expires_at": None, "input": given, "desk": "operations"}
    with pytest.raises(InvalidRequest) as refused:
        casework.ensured(asked, AIRFLOW)
    assert cause in {error["field"] for error in refused.value.extra["errors"]}
