"""What an end, a restart and a cancel say and leave behind, in rows and in the log; and whom a failure is told to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.store.scene import SUE, connect
from tests.integration.store.test_lifecycle import AIRFLOW, cancel, end, ensure, opened_by
from workflow_orchestration.domain.errors import Conflict, NotFound, NotOwner
from workflow_orchestration.domain.roles import Principal, Role
from workflow_orchestration.store import cases, lifecycle, log, threads, work
from workflow_orchestration.store.db import RacedError, transaction

SOON, LATER = (datetime.now(UTC).replace(microsecond=0) + timedelta(hours=n) for n in (1, 2))


async def last(scene, opened):
    return (await scene.entries(opened.case))[-1]


async def timers(scene):
    return await scene.sql(
        "select case_id, payload, not_before from work_items where kind = 'deadline' order by not_before"
    )


# -- ensure -----------------------------------------------------------------------------------------------------


async def test_a_new_case_is_told_to_be_its_openers_and_is_found_by_its_reference(scene):
    found = await ensure(scene, account="ACC", reference="REF")
    assert await scene.sql("select account, reference from case_references") == [{"account": "ACC", "reference": "REF"}]
    entry = (await scene.entries(str(found.case["id"])))[0]
    assert (entry["type"], entry["actor"]) == ("case.opened", AIRFLOW.actor())


async def test_who_takes_a_case_over_is_told_in_the_log_and_who_has_it_already_is_not(scene):
    opened = await opened_by(scene, await ensure(scene))
    await ensure(scene)
    assert (await last(scene, opened))["type"] == "case.opened"
    await ensure(scene, "dag/2")
    entry = await last(scene, opened)
    assert (entry["type"], entry["actor"], entry["data"]["owner"]) == ("case.owner", AIRFLOW.actor(), "dag/2")


async def test_an_ensure_without_an_owner_takes_nothing_over(scene):
    await ensure(scene)
    found = await ensure(scene, None)
    assert (found.what, found.case["owner"]) == ("attached", "dag/1")


async def test_a_restart_takes_the_case_over_with_a_deadline_of_its_own(scene):
    opened = await opened_by(scene, await ensure(scene, expires_at=SOON))
    await end(scene, opened, "failed")
    found = await ensure(scene, "dag/2", expires_at=LATER)
    assert (found.case["owner"], found.case["expires_at"], found.case["phase"]) == ("dag/2", LATER, "REOPENED")
    entry = await last(scene, opened)
    assert (entry["type"], entry["actor"]) == ("case.reopened", AIRFLOW.actor())
    assert (entry["data"]["why"], entry["data"]["owner"]) == ("ensure after failed", "dag/2")
    new = (await timers(scene))[-1]
    assert (str(new["case_id"]), new["payload"], new["not_before"]) == (opened.case, {"what": "case_expiry"}, LATER)


async def test_many_who_ensure_an_ended_case_at_once_restart_it_once(scene):
    for _ in range(5):
        opened = await opened_by(scene, await ensure(scene))
        await end(scene, opened, "failed")
        found = await asyncio.gather(*(ensure(scene) for _ in range(4)))
        assert sorted(f.what for f in found) == ["attached"] * 3 + ["restarted"]
        assert len({f.attempt for f in found}) == 1


async def test_a_restart_without_a_deadline_sets_no_timer(scene):
    opened = await opened_by(scene, await ensure(scene))
    await end(scene, opened, "failed")
    assert (await ensure(scene)).what == "restarted"
    assert await timers(scene) == []


async def test_a_case_of_another_desk_is_not_there_in_so_many_words(scene):
    await ensure(scene)
    stranger = Principal("x", frozenset({Role.AIRFLOW}), frozenset({"bonds"}))
    with pytest.raises(NotFound, match=r"^there is no case daily of workflow settlement$"):
        await ensure(scene, principal=stranger)


# -- cancel -----------------------------------------------------------------------------------------------------


async def test_who_is_not_the_owner_is_told_so(scene):
    opened = await opened_by(scene, await ensure(scene))
    with pytest.raises(NotOwner, match=r"^dag/9 is not the owner of this case$"):
        await cancel(scene, opened, owner="dag/9")


async def test_a_running_case_keeps_who_asked_it_to_stop_and_as_what(scene):
    opened = await scene.open()
    await scene.claim()
    assert await cancel(scene, opened, status="expired") == "cancelling"
    entry = await last(scene, opened)
    assert (entry["type"], entry["actor"], entry["data"]) == (
        "case.cancel_requested",
        SUE.actor(),
        {"status": "expired"},
    )
    assert (await scene.item(opened.run))["cancel"] == "expired"


async def test_a_case_that_ended_otherwise_says_how_and_what_is_left(scene):
    opened = await scene.open()
    await end(scene, opened, "resolved")
    with pytest.raises(Conflict, match=r"^the case has ended: resolved$") as caught:
        await cancel(scene, opened)
    assert caught.value.fix == "Reopen it, or leave it."


@pytest.mark.parametrize("what", ["a run began", "the next thread was opened"])
async def test_a_cancel_that_was_overtaken_looks_anew(what, scene, database, monkeypatch):
    """Between the look at the run and the lock of the thread another transaction commits."""
    opened = await scene.open()
    await scene.run_done(opened)
    stock, first = threads.lock, []

    async def overtaken(conn, thread_id):
        if not first:
            first.append(True)
            async with await connect(database.worker) as other, other.transaction():
                if what == "a run began":
                    await work.insert(other, "run", case_id=opened.case, thread_id=opened.thread)
                else:
                    await cases.start_thread(other, opened.case)
        return await stock(conn, thread_id)

    monkeypatch.setattr(threads, "lock", overtaken)
    with pytest.raises(RacedError, match=r"^the thread moved on meanwhile$"):
        async with transaction(scene.pool) as conn:
            await lifecycle.cancel(conn, opened.case, actor=SUE.actor())
    assert await cancel(scene, opened) == "cancelled"


# -- end --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        ("resolved", "CLOSED"),
        ("rejected", "CLOSED"),
        ("failed", "ESCALATED"),
        ("cancelled", "CANCELLED"),
        ("expired", "CANCELLED"),
    ],
)
async def test_a_case_ends_in_the_phase_that_goes_with_how_it_ended(status, phase, scene):
    opened = await scene.open()
    await scene.sql("update cases set phase = 'RESOLVED'")
    async with transaction(scene.pool) as conn:
        await lifecycle.end(conn, opened.case, opened.thread, status, log.WORKER, {"reason": "so"})
    case, thread, entry = await scene.case(opened.case), await scene.thread(opened.thread), await last(scene, opened)
    assert (case["status"], case["phase"], case["ended_at"] is not None) == (status, phase, True)
    assert (thread["state"], thread["outcome"]) == ("ended", status)
    assert (entry["type"], entry["actor"], entry["data"]["reason"]) == ("case.ended", log.WORKER, "so")
    assert (entry["data"]["status"], entry["data"]["phase"]) == (status, phase)


async def test_an_end_cancels_what_is_queued_of_the_case_but_deliveries_of_webhooks_go_on(scene):
    opened = await scene.open()
    await scene.effect(opened, "http://hook", kind="webhook")
    await scene.waiting(opened, "external")
    async with transaction(scene.pool) as conn:
        await work.insert(conn, "run", case_id=opened.case, thread_id=opened.thread)
        await work.insert_in(conn, "deadline", seconds=60, case_id=opened.case, payload={"what": "x"})
        await lifecycle.end(conn, opened.case, opened.thread, "cancelled", log.WORKER)
    left = await scene.sql("select kind, status from work_items where status <> 'done' order by kind")
    assert [tuple(item.values()) for item in left] == [
        ("deadline", "cancelled"),
        ("deliver", "pending"),
        ("run", "cancelled"),
    ]
    assert await scene.sql("select 1 from waits") == []


async def test_a_failure_becomes_a_task_of_the_supervisor_that_outlives_the_thread(scene):
    opened = await scene.open()
    async with transaction(scene.pool) as conn:
        await lifecycle.tell_supervisor(conn, opened.case, source="s", text="look")
        await lifecycle.end(conn, opened.case, opened.thread, "failed", log.WORKER)
    [task] = await scene.sql("select * from tasks")
    told = {name: task[name] for name in ("source", "step", "kind", "role", "text", "state", "thread_id")}
    assert told == {
        "source": "s",
        "step": "supervisor",
        "kind": "failed",
        "role": "ops_supervisor",
        "text": "look",
        "state": "open",
        "thread_id": None,
    }
    assert str(task["case_id"]) == opened.case


@pytest.mark.parametrize(
    ("change", "expired"),
    [
        ("expires_at = now() - interval '1 s'", True),
        ("expires_at = now()", True),
        ("expires_at = now() + interval '1 min'", False),
        ("expires_at = null", False),
        ("expires_at = now() - interval '1 s', status = 'failed'", False),
    ],
)
async def test_a_case_is_expired_when_it_is_open_at_the_deadline_its_opener_gave(change, expired, scene):
    opened = await scene.open()
    async with transaction(scene.pool) as conn:
        await conn.execute(f"update cases set {change}")
        assert await lifecycle.is_expired(conn, opened.case) is expired
