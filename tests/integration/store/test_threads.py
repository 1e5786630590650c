"""`settle`: what makes a waiting thread go on, by what it waits for and what has happened; and that it does so once."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from tests.integration.store.scene import SUE
from workflow_orchestration.store import effects, tasks, threads, work
from workflow_orchestration.store.db import transaction

ANSWER = {"type": "anything", "by": "ann"}
REFRESH = {"type": "refresh"}
#: What a thread waits for, what happens, and the answer it then gets; None: it waits on.
CASES = [
    ("approval", "nothing", None),
    ("approval", "answered", ANSWER),
    ("approval", "changed", REFRESH),
    ("task", "nothing", None),
    ("task", "answered", ANSWER),
    ("task", "changed", REFRESH),
    ("task", "done", {"type": "done", "result": {"again": True}, "by": "sue"}),
    ("external", "nothing", None),
    ("external", "answered", ANSWER),
    ("external", "changed", REFRESH),
    ("effect", "nothing", None),
    ("effect", "changed", None),
    ("effect", "delivered", {"type": "delivered"}),
    ("effect", "cancelled", {"type": "cancelled"}),
    ("effect", "refused", None),
    ("effect", "refused and changed", REFRESH),
]


async def a_task(scene, opened):
    async with transaction(scene.pool) as conn:
        row = await tasks.put(
            conn,
            case_id=opened.case,
            thread_id=opened.thread,
            source=str(uuid4()),
            step="s",
            kind="request_info",
            role="ops_analyst",
            text="why?",
        )
    return str(row["id"])


async def begin(scene, opened, kind):
    """The thread waits; returns the interrupt and what it refers to."""
    match kind:
        case "approval":
            approval = await scene.approval(opened)
            return approval["interrupt_id"], str(approval["id"])
        case "task":
            ref = await a_task(scene, opened)
        case "effect":
            ref = str((await scene.effect(opened, "file:/nowhere"))["id"])
        case _:
            ref = "source:0"
    return await scene.waiting(opened, kind, ref=ref), ref


async def happen(scene, opened, interrupt, ref, event):
    async with transaction(scene.pool) as conn:
        match event:
            case "answered":
                assert await threads.answer(conn, interrupt, ANSWER)
            case "done":
                await tasks.complete(conn, ref, {"again": True}, SUE)
            case "delivered":
                await effects.delivered(conn, ref, {})
            case "cancelled":
                await effects.set_state(conn, ref, "cancelled")
            case "refused" | "refused and changed":
                await effects.refuse(conn, ref, {"rule": "kill switch"})
    if "changed" in event:
        await change_status(scene, opened)


async def change_status(scene, opened):
    await scene.sql("update cases set changed_seq = changed_seq + 1 where id = %(id)s", id=opened.case)


@pytest.mark.parametrize(("kind", "event", "answer"), CASES)
async def test_a_thread_goes_on_when_its_matter_has_happened(kind, event, answer, scene):
    opened = await scene.open()
    interrupt, ref = await begin(scene, opened, kind)
    await happen(scene, opened, interrupt, ref, event)
    assert await scene.settle(opened.thread) is (answer is not None)
    runs = [(r["payload"], str(r["case_id"])) for r in await scene.live_runs(opened.thread)]
    assert runs == ([({"answers": {interrupt: answer}}, opened.case)] if answer else [])
    assert (await scene.thread(opened.thread))["state"] == ("live" if answer else "waiting")


async def test_a_refresh_withdraws_the_approval_people_were_asked_for(scene):
    opened = await scene.open()
    approval = await scene.approval(opened)
    await change_status(scene, opened)
    await scene.settle(opened.thread)
    [row] = await scene.sql("select state, superseded_by_what from approvals")
    assert (row["state"], row["superseded_by_what"]) == ("superseded", "refresh")
    last = (await scene.entries(opened.case))[-1]
    assert (last["type"], last["data"]["approval_id"]) == ("approval.superseded", str(approval["id"]))


async def test_a_refresh_withdraws_the_task_that_was_open(scene):
    opened = await scene.open()
    await begin(scene, opened, "task")
    await change_status(scene, opened)
    await scene.settle(opened.thread)
    assert [r["state"] for r in await scene.sql("select state from tasks")] == ["cancelled"]


async def test_an_answer_is_stored_once(scene):
    opened = await scene.open()
    interrupt, _ = await begin(scene, opened, "external")
    async with transaction(scene.pool) as conn:
        assert await threads.answer(conn, interrupt, {"type": "first"})
        assert not await threads.answer(conn, interrupt, {"type": "second"})
        assert not await threads.answer(conn, "no such interrupt", {"type": "first"})


async def test_two_settles_at_once_make_one_run(scene):
    opened = await scene.open()
    interrupt, ref = await begin(scene, opened, "external")
    await happen(scene, opened, interrupt, ref, "answered")
    assert sorted(await asyncio.gather(*(scene.settle(opened.thread) for _ in range(8)))) == [False] * 7 + [True]
    assert len(await scene.live_runs(opened.thread)) == 1


async def test_an_ended_thread_never_goes_on(scene):
    opened = await scene.open()
    interrupt, ref = await begin(scene, opened, "external")
    await happen(scene, opened, interrupt, ref, "answered")
    await scene.sql("update threads set state = 'ended' where id = %(id)s", id=opened.thread)
    assert not await scene.settle(opened.thread)
    assert await scene.live_runs(opened.thread) == []


async def test_a_thread_waits_for_exactly_what_its_last_pause_says(scene):
    opened = await scene.open()
    await scene.waiting(opened, "external", interrupt="old")
    waits = [threads.Wait("old", "external", "r", 0), threads.Wait("new", "task", None, 0)]
    async with transaction(scene.pool) as conn:
        assert [w.interrupt_id for w in await threads.put_waits(conn, opened.thread, waits)] == ["new"]
        assert await threads.put_waits(conn, opened.thread, waits[1:]) == []
    assert [r["interrupt_id"] for r in await scene.sql("select interrupt_id from waits")] == ["new"]


async def test_an_answer_leaves_the_threads_other_waits_standing(scene):
    opened = await scene.open()
    await scene.run_done(opened)
    async with transaction(scene.pool) as conn:
        await threads.put_waits(conn, opened.thread, [threads.Wait(i, "external", "r", 0) for i in ("one", "two")])
        await threads.answer(conn, "one", ANSWER)
    assert await scene.settle(opened.thread)
    assert [r["interrupt_id"] for r in await scene.sql("select interrupt_id from waits")] == ["two"]


async def test_what_nobody_runs_or_delivers_is_found(scene):
    live, stuck, waiting, happened = [await scene.open() for _ in range(4)]
    await scene.run_done(stuck)
    await scene.waiting(waiting, "external")
    interrupt = await scene.waiting(happened, "external")
    effect = await scene.effect(live, "file:/nowhere")
    async with transaction(scene.pool) as conn:
        await threads.answer(conn, interrupt, ANSWER)
        await work.kill(conn, str((await scene.sql("select id from work_items where kind = 'deliver'"))[0]["id"]), "x")
    async with scene.pool.connection() as conn:
        assert {str(r["id"]) for r in await threads.stuck(conn)} == {stuck.thread, happened.thread}
        assert [r["id"] for r in await threads.undelivered(conn)] == [effect["id"]]
