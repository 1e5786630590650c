"""The reconciler mends the windows between two commits, however many workers do it at once; and buries the dead."""

from __future__ import annotations

import asyncio
import json
from uuid import UUID

import pytest

from workflow_orchestration.store import threads
from workflow_orchestration.store.db import transaction
from workflow_orchestration.worker import runs
from workflow_orchestration.worker.metrics import ITEMS
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
    [run] = await scene.live_runs(opened.thread)
    assert (run["payload"], str(run["case_id"])) == ({"continue": True}, opened.case)


async def test_a_thread_that_ended_since_it_was_looked_at_is_left_alone(scene, opened, monkeypatch):
    seen = await scene.thread(opened.thread)

    async def stuck(conn):
        return [seen]

    await scene.run_done(opened)
    await scene.sql("update threads set state = 'ended', outcome = 'failed'")
    monkeypatch.setattr(threads, "stuck", stuck)
    assert await mend(scene) == 0
    assert await scene.live_runs(opened.thread) == []


async def test_a_pending_effect_that_nobody_delivers_gets_a_delivery(scene, opened):
    effect = await scene.effect(opened, "file:/nowhere")
    await scene.sql("update work_items set status = 'done' where kind = 'deliver'")
    assert await mend(scene) == 1
    [item] = await scene.sql(
        "select effect_id, thread_id, case_id from work_items where kind = 'deliver' and status = 'pending'"
    )
    assert (item["effect_id"], str(item["thread_id"]), str(item["case_id"])) == (
        effect["id"],
        opened.thread,
        opened.case,
    )


async def test_a_pending_effect_of_no_thread_gets_a_delivery_too(scene, opened):
    await scene.effect(opened, "file:/nowhere", thread_id=None)
    await scene.sql("update work_items set status = 'done' where kind = 'deliver'")
    assert await mend(scene) == 1
    [item] = await scene.sql("select thread_id from work_items where kind = 'deliver' and status = 'pending'")
    assert item["thread_id"] is None


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


async def test_all_that_was_mended_in_one_pass_is_counted(scene, opened):
    other = await scene.open()
    for lost in (opened, other):
        await scene.run_done(lost)
        await scene.effect(lost, "file:/nowhere")
    await scene.sql("update work_items set status = 'done' where kind = 'deliver'")
    assert await mend(scene) == 4


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
    refused, why = await scene.effect_now(effect["id"]), "5 attempts were used up; last error: the worker died"
    assert (refused["state"], refused["refusal"]) == ("refused", {"rule": "attempts", "detail": why})
    dead = await scene.item(str(item["id"]))
    assert (dead["status"], dead["error"]) == ("dead", why)
    entry = (await scene.entries(opened.case))[-1]
    assert (entry["type"], entry["data"]) == (
        "effect.refused",
        {"effect_id": str(effect["id"]), "rule": "attempts", "detail": why},
    )
    assert await mend(scene) == 0  # not queued again by itself


async def test_a_dead_delivery_is_told_to_the_webhooks(scene, opened):
    await scene.effect(opened, "file:/nowhere")
    [item] = await scene.sql("select id from work_items where kind = 'deliver'")
    await crash(scene, str(item["id"]), ATTEMPTS)
    await reconcile(scene.pool, max_attempts=ATTEMPTS, webhook_urls=["file:/hooks"])
    [hook] = await scene.sql("select type, receiver, payload from effects where kind = 'webhook'")
    body, entry = json.loads(hook["payload"]), (await scene.entries(opened.case))[-1]
    assert (hook["type"], hook["receiver"]) == ("effect.refused", "file:/hooks")
    assert (body["case_id"], body["data"]) == (opened.case, entry["data"])


async def test_a_timer_that_used_up_its_attempts_is_told_to_a_supervisor(scene, opened):
    [item] = await scene.sql(
        "insert into work_items (id, kind, case_id, payload) values (gen_random_uuid(), 'deadline', %(case)s, "
        """'{"what": "approval_expiry"}') returning id""",
        case=opened.case,
    )
    await crash(scene, str(item["id"]), ATTEMPTS)
    assert await mend(scene) == 1
    [task] = await scene.sql("select role, kind, source, case_id, thread_id, text from tasks")
    why = "5 attempts were used up; last error: the worker died"
    assert task == {
        "role": "ops_supervisor",
        "kind": "failed",
        "source": str(item["id"]),
        "case_id": UUID(opened.case),
        "thread_id": None,
        "text": f"The timer approval_expiry could not be carried out: {why}.",
    }
    dead = await scene.item(str(item["id"]))
    assert (dead["status"], dead["error"]) == ("dead", why)


async def test_what_an_item_died_of_is_told(scene, opened):
    await crash(scene, opened.run, ATTEMPTS)
    await scene.sql("update work_items set error = 'ValueError: no isin' where id = %(id)s", id=opened.run)
    await mend(scene)
    why = "5 attempts were used up; last error: ValueError: no isin"
    [task] = await scene.sql("select text from tasks")
    assert task["text"] == f"The case failed: {why}. Find the cause, then reopen it."
    ended = (await scene.entries(opened.case))[-1]
    assert (ended["type"], ended["data"]["error"], ended["data"]["status"]) == ("case.ended", why, "failed")
    assert (await scene.item(opened.run))["error"] == "ValueError: no isin"


async def test_the_dead_are_counted_by_kind(scene, opened):
    before = ITEMS.labels("run", "dead")._value.get()
    await crash(scene, opened.run, ATTEMPTS)
    await mend(scene)
    assert ITEMS.labels("run", "dead")._value.get() == before + 1
