"""The heart: it keeps a worker's items its own, tells what was lost or must stop, gives up in time."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from workflow_orchestration.store import work
from workflow_orchestration.store.db import make_pool
from workflow_orchestration.worker.lease import Heart, Lease

LEASE, BEAT = 1.2, 0.3  # seconds; 10 and 3 in a worker


@pytest.fixture
async def beat_pool(database):
    async with make_pool(database.worker, size=1, name="heart") as opened:
        yield opened


@asynccontextmanager
async def beating(pool):
    heart = Heart(pool, LEASE, BEAT)
    task = asyncio.create_task(heart.run())
    try:
        yield heart
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def held_item(scene, heart):
    """A claimed item that the heart beats for; `told` collects what it is told."""
    opened = await scene.open()
    [item] = await scene.claim(lease=LEASE)
    told = []
    heart.hold(Lease(opened.run, item["epoch"]), told.append)
    return opened, item, told


async def until(told, seconds=LEASE * 2):
    async with asyncio.timeout(seconds):
        while True:
            if told:
                return
            await asyncio.sleep(0.01)


async def test_an_item_stays_ours_far_beyond_its_lease_while_the_heart_beats(scene, beat_pool):
    async with beating(beat_pool) as heart:
        opened, _, told = await held_item(scene, heart)
        await asyncio.sleep(LEASE * 1.5)
        assert (await scene.item(opened.run))["expired"] is False
        assert await scene.claim() == []
    assert told == []


async def test_an_item_taken_by_another_worker_is_stopped_once(scene, beat_pool):
    heart = Heart(beat_pool, LEASE, BEAT)
    opened, _, told = await held_item(scene, heart)
    await scene.expire(opened.run)
    await scene.claim(worker="other")
    for _ in range(3):
        await heart.beat()
    assert told == ["lost"]


async def test_losing_one_item_leaves_the_others_alone(scene, beat_pool):
    heart = Heart(beat_pool, LEASE, BEAT)
    opened, _, lost = await held_item(scene, heart)
    _, _, kept = await held_item(scene, heart)
    await scene.run_done(opened)
    await heart.beat()
    assert (lost, kept) == (["lost"], [])


async def test_a_cancel_request_reaches_the_task_once_and_the_item_stays_ours_to_end_it(scene, beat_pool):
    heart = Heart(beat_pool, LEASE, BEAT)
    opened, item, told = await held_item(scene, heart)
    async with scene.pool.connection() as conn:
        await work.request_cancel(conn, opened.run, "expired")
    for _ in range(3):
        await heart.beat()
    assert told == ["expired"]
    async with scene.pool.connection() as conn:
        await work.fence(conn, opened.run, item["epoch"])


async def test_an_ended_item_is_beaten_for_no_more(scene, beat_pool):
    heart = Heart(beat_pool, LEASE, BEAT)
    opened, item, told = await held_item(scene, heart)
    await scene.run_done(opened)
    heart.drop(Lease(opened.run, item["epoch"]))
    await heart.beat()
    assert told == []


async def test_the_end_of_an_old_task_does_not_stop_the_beats_for_a_new_claim_of_its_item(scene, beat_pool):
    heart = Heart(beat_pool, LEASE, BEAT)
    opened, old, _ = await held_item(scene, heart)
    await scene.expire(opened.run)
    [new] = await scene.claim(lease=LEASE)
    heart.hold(Lease(opened.run, new["epoch"]), lambda why: None)
    heart.drop(Lease(opened.run, old["epoch"]))
    await scene.expire(opened.run)
    await heart.beat()
    assert (await scene.item(opened.run))["expired"] is False


async def test_one_missed_beat_is_survived(scene, beat_pool):
    async with beating(beat_pool) as heart:
        _, _, told = await held_item(scene, heart)
        async with beat_pool.connection():  # nothing left to beat with
            await asyncio.sleep(BEAT * 1.5)
        await asyncio.sleep(LEASE)
    assert told == []


async def test_a_worker_whose_pool_is_blocked_stops_its_items_before_the_lease_ends(scene, beat_pool):
    async with beat_pool.connection(), beating(beat_pool) as heart:
        _, _, told = await held_item(scene, heart)
        began = time.monotonic()
        await until(told)
    assert told == ["lost"]
    assert time.monotonic() - began < LEASE


async def test_a_worker_without_a_database_stops_its_items_before_the_lease_ends(scene, beat_pool):
    async with beating(beat_pool) as heart:
        _, _, told = await held_item(scene, heart)
        began = time.monotonic()
        await beat_pool.close()
        await until(told)
    assert told == ["lost"]
    assert BEAT * 1.5 < time.monotonic() - began < LEASE  # not at its first missed beat
