"""The queue: claim, heartbeat, finish, release, dead, fence. What a worker that lost its item can do: nothing."""

from __future__ import annotations

import asyncio
import contextlib
import functools

import psycopg
import pytest

from tests.integration.store.scene import connect
from workflow_orchestration.domain.errors import LeaseLost
from workflow_orchestration.store import log, work
from workflow_orchestration.store.db import retrying, transaction


@contextlib.asynccontextmanager
async def holding_fence(database, item):
    """Another session of the item's worker, in the middle of a fenced write."""
    async with await connect(database.worker) as conn, conn.transaction():
        await work.fence(conn, str(item["id"]), item["epoch"])
        yield


#: Sessions that stand before another's lock, by PostgreSQL's word.
_WAITING = (
    "select 1 from pg_stat_activity where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0"
)


async def is_blocked(scene, awaitable) -> bool:
    """Whether it comes to wait for another session's lock, however long a busy machine takes until then."""
    task = asyncio.ensure_future(awaitable)
    while not (blocked := bool(await scene.sql(_WAITING))) and not task.done():
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    while await scene.sql(_WAITING):
        await asyncio.sleep(0.01)
    return blocked


async def in_transaction(pool, function, *args, **kwargs):
    async with transaction(pool) as conn:
        return await function(conn, *args, **kwargs)


async def queue_deadlines(scene, case_id, count):
    await scene.sql(
        "insert into work_items (id, kind, case_id, not_before) select gen_random_uuid(), 'deadline', %(c)s, "
        "now() - make_interval(secs => n) from generate_series(1, %(n)s) n",
        c=case_id,
        n=count,
    )


# -- claim --------------------------------------------------------------------------------------------------


async def test_claim_takes_the_items_that_are_due_longest_first(scene):
    opened = await scene.open()
    await queue_deadlines(scene, opened.case, 5)
    taken = await scene.claim(limit=3)
    left = await scene.sql("select not_before from work_items where status = 'pending'")
    assert len(taken) == 3
    assert max(i["not_before"] for i in taken) < min(i["not_before"] for i in left)


async def test_what_is_not_due_is_not_claimed_and_its_time_is_known(scene):
    opened = await scene.open()
    await scene.sql("update work_items set not_before = now() + interval '60 s' where id = %(id)s", id=opened.run)
    assert await scene.claim() == []
    async with scene.pool.connection() as conn:
        assert 50 < (await work.seconds_to_next(conn) or 0) <= 60


async def test_an_expired_lease_is_claimed_by_another_under_a_new_epoch(scene):
    opened = await scene.open()
    first = await scene.claimed(opened.run)
    assert await scene.claim() == []
    await scene.expire(opened.run)
    [second] = await scene.claim(worker="other")
    assert (second["id"], second["epoch"], second["attempt"], second["worker"]) == (first["id"], 2, 2, "other")


async def test_twenty_claimers_never_share_one_of_two_hundred_items(scene):
    opened = await scene.open()
    await queue_deadlines(scene, opened.case, 199)

    async def claimer(name):
        mine = []
        while taken := await scene.claim(limit=3, worker=name):
            mine += [i["id"] for i in taken]
        return mine

    taken = [i for mine in await asyncio.gather(*(claimer(f"w{n}") for n in range(20))) for i in mine]
    assert len(taken) == len(set(taken)) == 200


async def test_an_item_whose_owner_is_in_the_middle_of_a_write_is_left_to_it(scene, database):
    opened = await scene.open()
    item = await scene.claimed(opened.run)
    await scene.expire(opened.run)
    async with holding_fence(database, item):
        assert await scene.claim() == []
    assert len(await scene.claim()) == 1


async def test_attempts_are_bounded_and_what_used_them_up_is_declared_dead(scene):
    opened = await scene.open()
    for _ in range(2):
        await scene.expire(opened.run)
        assert len(await scene.claim(max_attempts=2)) == 1
    await scene.expire(opened.run)
    assert await scene.claim(max_attempts=2) == []
    async with transaction(scene.pool) as conn:
        [item] = await work.exhausted(conn, max_attempts=2)
        await work.kill(conn, str(item["id"]), "used up")
    dead = await scene.item(opened.run)
    assert (dead["status"], dead["error"]) == ("dead", "used up")


async def test_an_item_in_its_last_attempt_is_not_exhausted_while_its_lease_lasts(scene):
    opened = await scene.open()
    await scene.claim(max_attempts=1)
    async with scene.pool.connection() as conn:
        assert await work.exhausted(conn, max_attempts=1) == []
    assert (await scene.item(opened.run))["status"] == "running"


# -- uniqueness ---------------------------------------------------------------------------------------------


async def test_a_thread_has_one_pending_or_running_run(scene):
    opened = await scene.open()
    async with scene.pool.connection() as conn:
        assert await work.insert(conn, "run", case_id=opened.case, thread_id=opened.thread) is None
        await scene.claim()
        assert await work.insert(conn, "run", case_id=opened.case, thread_id=opened.thread) is None
        await scene.run_done(opened)
        assert await work.insert(conn, "run", case_id=opened.case, thread_id=opened.thread) is not None


async def test_an_effect_has_one_pending_or_running_delivery(scene):
    opened = await scene.open()
    effect = await scene.effect(opened, "file:/nowhere")
    async with scene.pool.connection() as conn:
        assert await work.insert(conn, "deliver", case_id=opened.case, effect_id=str(effect["id"])) is None
        await scene.claim()
        assert await work.insert(conn, "deliver", case_id=opened.case, effect_id=str(effect["id"])) is None


# -- heartbeat ----------------------------------------------------------------------------------------------


async def test_a_heartbeat_renews_only_what_is_still_ours(scene):
    ours, lost, ended = [await scene.open() for _ in range(3)]
    epochs = {str(i["id"]): i["epoch"] for i in await scene.claim()}
    await scene.sql("update work_items set epoch = epoch + 1 where id = %(id)s", id=lost.run)
    await scene.run_done(ended)
    async with scene.pool.connection() as conn:
        assert await work.heartbeat(conn, epochs, lease=100) == {ours.run: None}
        assert await work.heartbeat(conn, {}, lease=100) == {}
    leases = await scene.sql("select id from work_items where lease_until > now() + interval '50 s'")
    assert [str(r["id"]) for r in leases] == [ours.run]


async def test_a_heartbeat_tells_of_a_cancel_request_and_the_first_request_wins(scene):
    opened = await scene.open()
    item = await scene.claimed(opened.run)
    async with scene.pool.connection() as conn:
        await work.request_cancel(conn, opened.run, "cancelled")
        await work.request_cancel(conn, opened.run, "expired")
        assert await work.heartbeat(conn, {opened.run: item["epoch"]}, lease=10) == {opened.run: "cancelled"}


async def test_a_heartbeat_passes_while_a_fenced_write_is_open(scene, database):
    opened = await scene.open()
    item = await scene.claimed(opened.run)
    async with holding_fence(database, item):
        async with asyncio.timeout(1):
            beats = await in_transaction(scene.pool, work.heartbeat, {opened.run: item["epoch"]}, lease=10)
    assert opened.run in beats


# -- fence --------------------------------------------------------------------------------------------------


async def test_the_fence_refuses_another_epoch(scene):
    opened = await scene.open()
    item = await scene.claimed(opened.run)
    async with scene.pool.connection() as conn:
        await work.fence(conn, opened.run, item["epoch"])
        for epoch in (item["epoch"] - 1, item["epoch"] + 1):
            with pytest.raises(LeaseLost, match="no longer ours"):
                await work.fence(conn, opened.run, epoch)


@pytest.mark.parametrize("status", ["pending", "done", "dead", "cancelled"])
async def test_the_fence_refuses_an_item_that_is_not_running_even_at_its_own_epoch(status, scene):
    opened = await scene.open()
    item = await scene.claimed(opened.run)
    await scene.sql("update work_items set status = %(s)s where id = %(id)s", s=status, id=opened.run)
    async with scene.pool.connection() as conn:
        for check in (work.fence, work.lock, work.finish):
            with pytest.raises(LeaseLost):
                await check(conn, opened.run, item["epoch"])
        assert not await work.release(conn, opened.run, item["epoch"], charge=True)


async def test_finish_and_release_wait_for_an_open_fenced_write(scene, database):
    opened = await scene.open()
    item = await scene.claimed(opened.run)
    release = functools.partial(work.release, charge=False)
    async with holding_fence(database, item):
        for end in (work.lock, release):
            assert await is_blocked(scene, in_transaction(scene.pool, end, opened.run, item["epoch"]))
    assert not await is_blocked(scene, in_transaction(scene.pool, release, opened.run, item["epoch"]))


# -- finish and release -------------------------------------------------------------------------------------


async def test_release_gives_the_item_back_under_a_new_epoch(scene):
    opened = await scene.open()
    item = await scene.claimed(opened.run)
    assert await in_transaction(scene.pool, work.release, opened.run, item["epoch"], charge=False)
    back = await scene.item(opened.run)
    assert (back["status"], back["epoch"], back["worker"], back["lease_until"]) == (
        "pending",
        item["epoch"] + 1,
        None,
        None,
    )


@pytest.mark.parametrize(("charge", "attempt"), [(False, 0), (True, 1)])
async def test_a_drain_charges_no_attempt_and_a_failure_charges_one(charge, attempt, scene):
    opened = await scene.open()
    item = await scene.claimed(opened.run)
    await in_transaction(scene.pool, work.release, opened.run, item["epoch"], charge=charge, delay=30, error="why")
    back = await scene.item(opened.run)
    assert (back["attempt"], back["error"]) == (attempt, "why")
    assert await scene.claim() == []  # it waits its delay


async def test_a_finished_item_cannot_be_finished_or_released_again(scene):
    opened = await scene.open()
    item = await scene.claimed(opened.run)
    await in_transaction(scene.pool, work.finish, opened.run, item["epoch"])
    with pytest.raises(LeaseLost):
        await in_transaction(scene.pool, work.finish, opened.run, item["epoch"])
    assert not await in_transaction(scene.pool, work.release, opened.run, item["epoch"], charge=True)
    assert (await scene.item(opened.run))["status"] == "done"


async def test_a_run_that_ends_cancels_the_timers_of_its_case_and_leaves_deliveries(scene):
    opened = await scene.open()
    await scene.effect(opened, "file:/nowhere")
    await queue_deadlines(scene, opened.case, 1)
    async with scene.pool.connection() as conn:
        await work.cancel_pending(conn, opened.case, ("run", "deadline"))
    found = await scene.sql("select kind, status from work_items order by kind")
    assert [(r["kind"], r["status"]) for r in found] == [
        ("deadline", "cancelled"),
        ("deliver", "pending"),
        ("run", "cancelled"),
    ]


# -- sessions -----------------------------------------------------------------------------------------------


async def test_a_lock_is_waited_for_two_seconds_and_a_transaction_may_idle_for_five(scene):
    [row] = await scene.sql(
        "select current_setting('lock_timeout') as lock, current_setting('idle_in_transaction_session_timeout') as idle"
    )
    assert (row["lock"], row["idle"]) == ("2s", "5s")


async def test_a_session_frozen_inside_a_transaction_is_ended_and_holds_nothing(scene, database):
    opened = await scene.open()
    item = await scene.claimed(opened.run)
    frozen = await connect(database.worker)
    await frozen.execute("set idle_in_transaction_session_timeout = '200ms'")  # 5 s in a worker
    await frozen.execute("begin")
    await work.lock(frozen, opened.run, item["epoch"])
    async with asyncio.timeout(2):
        await in_transaction(scene.pool, work.release, opened.run, item["epoch"], charge=True)
    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        await frozen.execute("commit")
    await frozen.close()


async def test_a_transaction_that_was_ended_while_its_worker_froze_is_tried_again(scene):
    opened, tries = await scene.open(), []

    async def write(conn):
        tries.append(1)
        await conn.execute("set local idle_in_transaction_session_timeout = '100ms'")
        await log.append(conn, opened.case, [log.Entry("said", log.WORKER)])
        await asyncio.sleep(0.4 if len(tries) == 1 else 0)  # frozen once

    await retrying(scene.pool, write)
    assert [e["type"] for e in await scene.entries(opened.case)] == ["case.opened", "said"]
    assert len(tries) == 2
