"""The reconciler mends the windows between two commits, however many workers do it at once; and buries the dead."""

from __future__ import annotations

import asyncio

import pytest

from workflow_orchestration.store import threads
from workflow_orchestration.store.db import transaction
from workflow_orchestration.worker import runs
from workflow_orchestration.worker.reconcile import reconcile

ATTEMPTS = 5


@pytest.fixture
async def opened(scene):
    return await scene.open()


async def mend(scene):
    return await reconcile(scene.pool, max_attempts=ATTEMPTS)


async def crash(scene, item_id, times):
    """Claimed, and its worker dies; so many times. Nothing else is due meanwhile."""
    await scene.sql("update work_items set not_before = now() + interval '1 day' where id <> %(id)s", id=item_id)
    for _ in range(times):
        await scene.expire(item_id)
        await scene.claimed(item_id)
    await scene.expire(item_id)


# -- windows ------------------------------------------------------------------------------------------------


async def test_a_healthy_database_is_left_alone(scene, opened):
    waiting = await scene.open()
    await scene.effect(opened, "file:/nowhere")
    await scene.waiting(waiting, "external")
    before = await scene.sql("select id, status, epoch from work_items order by id")
    assert await mend(scene) == 0
    assert await scene.sql("select id, status, epoch from work_items order by id") == before


async def test_a_live_thread_that_nobody_runs_gets_a_run(scene, opened):
    await scene.run_done(opened)
    assert await mend(scene) == 1
    assert [r["payload"] for r in await scene.live_runs(opened.thread)] == [{"continue": True}]


async def test_a_pending_effect_that_nobody_delivers_gets_a_delivery(scene, opened):
    effect = await scene.effect(opened, "file:/nowhere")
    await scene.sql("update work_items set status = 'done' where kind = 'deliver'")
    assert await mend(scene) == 1
    [item] = await scene.sql(
        "select effect_id, thread_id from work_items where kind = 'deliver' and status = 'pending'"
    )
    assert (item["effect_id"], str(item["thread_id"])) == (effect["id"], opened.thread)


async def test_a_wait_whose_matter_happened_is_settled(scene, opened):
    interrupt = await scene.waiting(opened, "external")
    async with transaction(scene.pool) as conn:
        await threads.answer(conn, interrupt, {"type": "timeout"})
    assert await mend(scene) == 1
    assert [r["payload"] for r in await scene.live_runs(opened.thread)] == [
        {"answers": {interrupt: {"type": "timeout"}}}
    ]


async def test_a_status_that_changed_unseen_refreshes_the_thread(scene, opened):
    await scene.waiting(opened, "external", seen_seq=3)
    await scene.sql("update cases set changed_seq = 4")
    assert await mend(scene) == 1
    assert (await scene.thread(opened.thread))["state"] == "live"


async def test_reconcilers_at_once_mend_each_thing_once(scene):
    lost = [await scene.open() for _ in range(5)]
    for opened in lost:
        await scene.run_done(opened)
    assert sum(await asyncio.gather(*(mend(scene) for _ in range(4)))) == 5
    assert [len(await scene.live_runs(o.thread)) for o in lost] == [1] * 5


# -- the dead -----------------------------------------------------------------------------------------------


async def test_four_crashes_are_survived(scene, opened):
    await crash(scene, opened.run, ATTEMPTS - 1)
    assert await mend(scene) == 0
    assert len(await scene.claim()) == 1


async def test_after_five_crashes_item_thread_and_case_end_and_a_supervisor_is_told(scene, opened):
    await crash(scene, opened.run, ATTEMPTS)
    assert await scene.claim() == []
    assert await mend(scene) == 1
    [task] = await scene.sql("select role, kind, state, text from tasks")
    states = (
        (await scene.item(opened.run))["status"],
        (await scene.thread(opened.thread))["state"],
        (await scene.case(opened.case))["status"],
    )
    assert states == ("dead", "ended", "failed")
    assert (task["role"], task["state"]) == ("ops_supervisor", "open")
    assert "5 attempts were used up" in task["text"]
    assert await mend(scene) == 0


async def test_the_burial_is_one_transaction(scene, opened, monkeypatch):
    async def fail(*args, **kwargs):
        raise ZeroDivisionError

    await crash(scene, opened.run, ATTEMPTS)
    with monkeypatch.context() as patch:
        patch.setattr(runs.lifecycle, "tell_supervisor", fail)
        with pytest.raises(ZeroDivisionError):
            await mend(scene)
    states = (
        (await scene.item(opened.run))["status"],
        (await scene.thread(opened.thread))["state"],
        (await scene.case(opened.case))["status"],
    )
    assert states == ("running", "live", "open")


async def test_reconcilers_at_once_bury_each_item_once(scene):
    for _ in range(4):
        await scene.open()
    await scene.sql("update work_items set status = 'running', attempt = %(n)s, lease_until = now()", n=ATTEMPTS)
    assert sum(await asyncio.gather(*(mend(scene) for _ in range(4)))) == 4
    assert len(await scene.sql("select 1 from tasks")) == 4


async def test_a_delivery_that_used_up_its_attempts_is_refused_visibly(scene, opened):
    effect = await scene.effect(opened, "file:/nowhere")
    [item] = await scene.sql("select id from work_items where kind = 'deliver'")
    await crash(scene, str(item["id"]), ATTEMPTS)
    assert await mend(scene) == 1
    refused = await scene.effect_now(effect["id"])
    assert (refused["state"], refused["refusal"]["rule"]) == ("refused", "attempts")
    assert (await scene.entries(opened.case))[-1]["type"] == "effect.refused"
    assert await mend(scene) == 0  # not queued again by itself


async def test_a_dead_delivery_is_told_to_the_webhooks(scene, opened):
    await scene.effect(opened, "file:/nowhere")
    [item] = await scene.sql("select id from work_items where kind = 'deliver'")
    await crash(scene, str(item["id"]), ATTEMPTS)
    await reconcile(scene.pool, max_attempts=ATTEMPTS, webhook_urls=["file:/hooks"])
    [hook] = await scene.sql("select type from effects where kind = 'webhook'")
    assert hook["type"] == "effect.refused"


async def test_a_timer_that_used_up_its_attempts_is_told_to_a_supervisor(scene, opened):
    [item] = await scene.sql(
        "insert into work_items (id, kind, case_id, payload) values (gen_random_uuid(), 'deadline', %(case)s, "
        """'{"what": "approval_expiry"}') returning id""",
        case=opened.case,
    )
    await crash(scene, str(item["id"]), ATTEMPTS)
    assert await mend(scene) == 1
    [task] = await scene.sql("select role, text from tasks")
    assert task["role"] == "ops_supervisor"
    assert "approval_expiry" in task["text"]
