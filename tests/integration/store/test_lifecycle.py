"""How a case begins for a scheduler and how any case ends: ensure, cancel, end; and who wins when they race."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.store.scene import SUE, Opened, connect
from workflow_orchestration.domain.errors import Conflict, NotFound, NotOwner
from workflow_orchestration.domain.roles import Principal, Role
from workflow_orchestration.store import cases, casework, lifecycle, log, tasks, work
from workflow_orchestration.store.db import retrying, transaction

AIRFLOW = Principal("airflow", frozenset({Role.AIRFLOW}), frozenset({"*"}))
SOON = datetime.now(UTC) + timedelta(hours=1)


async def ensure(scene, owner="dag/1", *, restart_on=("failed",), principal=AIRFLOW, **more):
    new = cases.NewCase(
        workflow="settlement", key="daily", desk="equities", requester=principal.id, owner=owner, **more
    )
    return await retrying(scene.pool, lambda c: lifecycle.ensure(c, new, restart_on=restart_on, principal=principal))


async def cancel(scene, opened, **more):
    return await retrying(scene.pool, lambda c: lifecycle.cancel(c, opened.case, actor=SUE.actor(), **more))


async def end(scene, opened, status):
    await scene.sql("update cases set phase = 'RESOLVED' where id = %(id)s", id=opened.case)  # may end in any way
    async with transaction(scene.pool) as conn:
        await lifecycle.end(conn, opened.case, opened.thread, status, log.WORKER)


async def opened_by(scene, ensured):
    [row] = await scene.sql(
        "select w.id as run, w.thread_id from work_items w where case_id = %(c)s and kind = 'run' "
        "order by created_at desc limit 1",
        c=ensured.case["id"],
    )
    return Opened(str(ensured.case["id"]), str(row["thread_id"]), str(row["run"]))


# -- ensure -------------------------------------------------------------------------------------------------


async def test_ensure_opens_the_case_of_a_new_key(scene):
    found = await ensure(scene)
    assert (found.what, found.attempt, found.case["status"], found.case["owner"]) == ("created", 1, "open", "dag/1")


async def test_ensure_attaches_to_an_active_case_and_takes_it_over(scene):
    await ensure(scene)
    found = await ensure(scene, "dag/2")
    assert (found.what, found.attempt, found.case["owner"]) == ("attached", 1, "dag/2")
    assert len(await scene.sql("select 1 from threads")) == 1


@pytest.mark.parametrize(
    ("status", "what", "attempt"),
    [
        ("failed", "restarted", 2),
        ("cancelled", "restarted", 2),
        ("resolved", "attached", 1),
        ("rejected", "attached", 1),
    ],
)
async def test_ensure_restarts_a_case_that_ended_as_its_caller_names(status, what, attempt, scene):
    opened = await opened_by(scene, await ensure(scene))
    await end(scene, opened, status)
    found = await ensure(scene, "dag/2", restart_on=("failed", "cancelled"))
    assert (found.what, found.attempt) == (what, attempt)
    assert found.case["status"] == ("open" if what == "restarted" else status)
    assert len(await scene.sql("select 1 from threads")) == attempt


async def test_ensure_does_not_tell_of_a_case_of_another_desk(scene):
    await ensure(scene)
    stranger = Principal("x", frozenset({Role.AIRFLOW}), frozenset({"bonds"}))
    with pytest.raises(NotFound):
        await ensure(scene, principal=stranger)


async def test_many_ensures_of_one_key_at_once_open_one_case(scene):
    found = await asyncio.gather(*(ensure(scene) for _ in range(8)))
    assert sorted(f.what for f in found) == ["attached"] * 7 + ["created"]
    assert len({f.case["id"] for f in found}) == 1


async def test_a_deadline_is_set_only_when_the_opener_gave_one(scene):
    await ensure(scene)
    assert await scene.sql("select 1 from work_items where kind = 'deadline'") == []
    await scene.sql("update cases set key = 'other'")
    await ensure(scene, expires_at=SOON)
    [timer] = await scene.sql("select payload, not_before from work_items where kind = 'deadline'")
    assert (timer["payload"], timer["not_before"]) == ({"what": "case_expiry"}, SOON)


# -- cancel -------------------------------------------------------------------------------------------------


async def test_only_the_current_owner_cancels_for_a_scheduler(scene):
    opened = await opened_by(scene, await ensure(scene))
    await ensure(scene, "dag/2")
    with pytest.raises(NotOwner) as caught:
        await cancel(scene, opened, owner="dag/1")
    assert (caught.value.status, caught.value.extra) == (409, {"owner": "dag/2"})
    assert await cancel(scene, opened, owner="dag/2") == "cancelled"


async def test_cancelling_a_case_that_is_queued_ends_it_and_its_run(scene):
    opened = await scene.open()
    assert await cancel(scene, opened) == "cancelled"
    assert (await scene.item(opened.run))["status"] == "cancelled"
    assert (await scene.thread(opened.thread))["state"] == "ended"


async def test_cancelling_a_waiting_case_withdraws_all_that_was_asked(scene):
    opened = await scene.open()
    effect = await scene.effect(opened, "file:/nowhere")
    async with transaction(scene.pool) as conn:
        await tasks.put(
            conn, case_id=opened.case, thread_id=opened.thread, source="s", step="s", kind="k", role="r", text="t"
        )
    await scene.approval(opened)
    assert await cancel(scene, opened) == "cancelled"
    [states] = await scene.sql(
        "select (select state from approvals) a, (select state from tasks) t, "
        "(select count(*) from waits) w, (select state from effects) e"
    )
    assert states == {"a": "cancelled", "t": "cancelled", "w": 0, "e": "cancelled"}
    timers = await scene.sql("select status from work_items where kind = 'deadline'")
    assert [t["status"] for t in timers] == ["cancelled", "cancelled"]
    assert (await scene.effect_now(effect["id"]))["state"] == "cancelled"


async def test_cancelling_a_running_case_asks_its_worker_to_stop(scene):
    opened = await scene.open()
    await scene.claim()
    assert await cancel(scene, opened) == "cancelling"
    assert ((await scene.item(opened.run))["cancel"], (await scene.case(opened.case))["status"]) == (
        "cancelled",
        "open",
    )


async def test_cancelling_again_says_the_same_and_a_case_that_ended_otherwise_cannot_be_cancelled(scene):
    opened, other = await scene.open(), await scene.open()
    assert [await cancel(scene, opened) for _ in range(2)] == ["cancelled", "cancelled"]
    await end(scene, other, "resolved")
    with pytest.raises(Conflict, match="resolved"):
        await cancel(scene, other)


async def test_a_cancel_that_races_a_finish_has_exactly_one_outcome(scene):
    for _ in range(20):
        opened = await scene.open()
        item = await scene.claimed(opened.run)

        async def finish(conn, opened=opened, item=item):
            row = await work.lock(conn, opened.run, item["epoch"])
            await work.finish(conn, opened.run, item["epoch"])
            await lifecycle.end(conn, opened.case, opened.thread, row["cancel"] or "failed", log.WORKER)

        said, _ = await asyncio.gather(cancel(scene, opened), retrying(scene.pool, finish), return_exceptions=True)
        ended = [e for e in await scene.entries(opened.case) if e["type"] == "case.ended"]
        status = (await scene.case(opened.case))["status"]
        assert len(ended) == 1
        assert status == ("cancelled" if said == "cancelling" else "failed"), (said, status)


# -- the next thread ----------------------------------------------------------------------------------------


async def test_who_waited_for_the_last_thread_sees_the_one_that_was_opened_meanwhile(scene, database):
    opened = await scene.open()
    await end(scene, opened, "failed")
    async with await connect(database.api) as other, other.transaction():
        await cases.current_thread(other, opened.case, lock=True)
        late = asyncio.create_task(retrying(scene.pool, lambda c: cases.current_thread(c, opened.case, lock=True)))
        await asyncio.sleep(0.1)  # it waits for our lock
        await cases.reopen(other, await cases.get(other, opened.case), SUE.actor(), "again")
    assert (await late)["n"] == 2


async def test_reopening_twice_at_once_opens_one_thread(scene):
    opened = await scene.open()
    await end(scene, opened, "failed")
    jobs = [retrying(scene.pool, lambda c: casework.reopen(c, opened.case, "again", SUE)) for _ in range(4)]
    found = await asyncio.gather(*jobs, return_exceptions=True)
    assert sum(isinstance(f, Conflict) for f in found) == 3
    assert [t["state"] for t in await scene.sql("select state from threads order by n")] == ["ended", "live"]


async def test_ending_a_case_says_so_in_its_log_with_the_state_before_and_after(scene):
    opened = await scene.open()
    await end(scene, opened, "resolved")
    last = (await scene.entries(opened.case))[-1]
    assert (last["type"], last["data"]["status"]) == ("case.ended", "resolved")
    assert last["data"]["before"] != last["data"]["after"]
