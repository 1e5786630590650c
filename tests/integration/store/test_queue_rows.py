"""What the queue's and the threads' statements write and say: an item's own fields, errors, versions, waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from workflow_orchestration.domain.errors import LeaseLost, NotFound
from workflow_orchestration.store import tasks, threads, work
from workflow_orchestration.store.db import transaction

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)


async def items(scene, kind):
    return await scene.sql("select * from work_items where kind = %(k)s order by created_at desc", k=kind)


# -- items --------------------------------------------------------------------------------------------------------


async def test_an_item_is_queued_with_all_that_its_worker_needs(scene):
    opened = await scene.open()
    await scene.run_done(opened)
    async with transaction(scene.pool) as conn:
        made = await work.insert(
            conn, "run", case_id=opened.case, thread_id=opened.thread, payload={"n": 1}, not_before=SOON
        )
    item = (await items(scene, "run"))[0]
    assert (str(item["id"]), item["status"], item["payload"], item["not_before"]) == (made, "pending", {"n": 1}, SOON)
    assert (str(item["case_id"]), str(item["thread_id"]), item["effect_id"]) == (opened.case, opened.thread, None)


async def test_an_item_with_nothing_to_say_is_due_at_once(scene):
    opened = await scene.open()
    await scene.run_done(opened)
    async with transaction(scene.pool) as conn:
        made = await work.insert(conn, "run", case_id=opened.case, thread_id=opened.thread)
    [item] = await scene.claim()
    assert (str(item["id"]), item["payload"]) == (made, {})


async def test_a_timer_is_due_in_its_seconds(scene):
    opened = await scene.open()
    async with transaction(scene.pool) as conn:
        await work.insert_in(conn, "deadline", seconds=90, payload={"what": "x"}, case_id=opened.case)
    [item] = await scene.sql(
        "select payload, case_id, extract(epoch from not_before - now()) as seconds from work_items "
        "where kind = 'deadline'"
    )
    assert (item["payload"], str(item["case_id"]), 80 < item["seconds"] <= 90) == ({"what": "x"}, opened.case, True)


async def test_a_claim_says_whose_the_item_is_and_until_when(scene):
    await scene.open()
    [item] = await scene.claim(worker="host:1", lease=30)
    [left] = await scene.sql("select extract(epoch from lease_until - now()) as seconds from work_items")
    assert (item["worker"], item["epoch"], item["attempt"], 25 < left["seconds"] <= 30) == ("host:1", 1, 1, True)


async def test_an_empty_queue_has_no_next_item(scene):
    async with scene.pool.connection() as conn:
        assert await work.seconds_to_next(conn) is None


async def test_an_item_ends_with_its_status_and_its_error(scene):
    opened = await scene.open()
    [item] = await scene.claim()
    async with transaction(scene.pool) as conn:
        await work.lock(conn, opened.run, item["epoch"])
        await work.finish(conn, opened.run, item["epoch"], status="cancelled", error="asked to")
    found = await scene.item(opened.run)
    assert (found["status"], found["error"], found["finished_at"] is not None) == ("cancelled", "asked to", True)


async def test_an_item_that_ends_without_a_word_is_done_without_an_error(scene):
    opened = await scene.open()
    [item] = await scene.claim()
    async with transaction(scene.pool) as conn:
        await work.finish(conn, opened.run, item["epoch"])
    found = await scene.item(opened.run)
    assert (found["status"], found["error"]) == ("done", None)


@pytest.mark.parametrize("act", [work.fence, work.lock, work.finish], ids=["fence", "lock", "finish"])
async def test_who_lost_an_item_is_told_which_and_at_which_epoch(act, scene):
    opened = await scene.open()
    await scene.claim()
    with pytest.raises(LeaseLost, match=rf"^work item {opened.run} is no longer ours at epoch 7$"):
        async with transaction(scene.pool) as conn:
            await act(conn, opened.run, 7)


async def test_an_item_given_back_waits_and_says_why(scene):
    opened = await scene.open()
    [item] = await scene.claim()
    async with transaction(scene.pool) as conn:
        assert await work.release(conn, opened.run, item["epoch"], charge=True, delay=60, error="no route") is True
        assert await work.release(conn, opened.run, item["epoch"], charge=True) is False
    [found] = await scene.sql("select *, extract(epoch from not_before - now()) as wait from work_items")
    assert (found["status"], found["attempt"], found["error"], 50 < found["wait"] <= 60) == (
        "pending",
        1,
        "no route",
        True,
    )


async def test_an_item_given_back_without_a_word_is_due_at_once(scene):
    opened = await scene.open()
    [item] = await scene.claim()
    async with transaction(scene.pool) as conn:
        await work.release(conn, opened.run, item["epoch"], charge=False)
    [again] = await scene.claim()
    assert (again["attempt"], again["error"]) == (1, None)


async def test_only_the_named_kinds_of_a_case_are_cancelled(scene):
    opened, other = await scene.open(), await scene.open()
    async with transaction(scene.pool) as conn:
        await work.insert_in(conn, "deadline", seconds=9, payload={}, case_id=opened.case)
        await work.cancel_pending(conn, opened.case, ("deadline",))
    assert [i["status"] for i in await items(scene, "deadline")] == ["cancelled"]
    assert [(await scene.item(o.run))["status"] for o in (opened, other)] == ["pending", "pending"]


async def test_deliveries_that_wait_can_be_made_due(scene):
    opened = await scene.open()
    effect, other = [await scene.effect(opened, "file:/nowhere") for _ in range(2)]
    await scene.sql("update work_items set not_before = now() + interval '1 day'")
    async with transaction(scene.pool) as conn:
        await work.due_now(conn, [str(effect["id"])])
    assert [i["effect_id"] for i in await scene.claim()] == [effect["id"]]
    assert other["id"] != effect["id"]


async def test_the_live_run_of_a_thread_is_found_while_it_is_pending_or_running(scene):
    opened = await scene.open()

    async def live():
        async with transaction(scene.pool) as conn:
            row = await work.live_run(conn, opened.thread)
        return row and str(row["id"])

    assert await live() == opened.run
    await scene.claim()
    assert await live() == opened.run
    await scene.run_done(opened)
    assert await live() is None


# -- threads --------------------------------------------------------------------------------------------------------


async def test_a_thread_that_is_not_there_is_not_found(scene):
    nobody = str(uuid4())
    with pytest.raises(NotFound, match=rf"^there is no thread {nobody}$"):
        async with transaction(scene.pool) as conn:
            await threads.lock(conn, nobody)


async def test_a_thread_knows_which_code_and_graph_ran_it_last(scene):
    opened = await scene.open()
    async with transaction(scene.pool) as conn:
        assert await threads.version(conn, opened.thread) == ""
        assert await threads.version(conn, str(uuid4())) == ""
        said = [await threads.note_version(conn, opened.thread, v) for v in ("1+a", "1+a", "1+b")]
        assert await threads.version(conn, opened.thread) == "1+b"
    assert said == [None, None, "1+a"]


async def test_a_wait_is_kept_with_all_that_its_answer_is_judged_by(scene):
    opened = await scene.open()
    wait = threads.Wait("i1", "external", "ref", 3, {"timeout_minutes": 5})
    async with transaction(scene.pool) as conn:
        assert await threads.put_waits(conn, opened.thread, [wait]) == [wait]
        assert await threads.put_waits(conn, opened.thread, [wait]) == []
        row = await threads.get_wait(conn, "i1")
        assert await threads.get_wait(conn, "i2") is None
    told = {name: row[name] for name in ("interrupt_id", "kind", "ref", "seen_seq", "payload", "answer")}
    assert told == {
        "interrupt_id": "i1",
        "kind": "external",
        "ref": "ref",
        "seen_seq": 3,
        "payload": {"timeout_minutes": 5},
        "answer": None,
    }
    assert str(row["thread_id"]) == opened.thread


async def test_an_ended_thread_waits_for_nothing_and_says_how_it_ended(scene):
    opened = await scene.open()
    await scene.waiting(opened, "external")
    async with transaction(scene.pool) as conn:
        await threads.end(conn, opened.thread, "failed")
    thread = await scene.thread(opened.thread)
    assert (thread["state"], thread["outcome"], await scene.sql("select 1 from waits")) == ("ended", "failed", [])


async def test_a_status_seen_already_refreshes_nothing(scene):
    opened = await scene.open()
    await scene.waiting(opened, "external", seen_seq=3)
    await scene.sql("update cases set changed_seq = 3")
    assert await scene.settle(opened.thread) is False
    assert (await scene.thread(opened.thread))["state"] == "waiting"


async def test_a_refresh_withdraws_only_what_is_out_of_date(scene):
    opened = await scene.open()
    async with transaction(scene.pool) as conn:
        task = await tasks.put(
            conn,
            case_id=opened.case,
            thread_id=opened.thread,
            source="s",
            step="s",
            kind="k",
            role="ops_analyst",
            text="t",
        )
        waits = [threads.Wait("task", "task", str(task["id"]), 9), threads.Wait("timer", "external", None, 0)]
        await threads.put_waits(conn, opened.thread, waits)
    await scene.run_done(opened)
    await scene.sql("update cases set changed_seq = 4")
    assert await scene.settle(opened.thread) is True
    assert [t["state"] for t in await scene.sql("select state from tasks")] == ["open"]
    assert [w["interrupt_id"] for w in await scene.sql("select interrupt_id from waits")] == ["task"]


async def test_a_thread_that_has_a_run_already_gets_no_second_one(scene):
    opened = await scene.open()
    interrupt = await scene.waiting(opened, "external")
    async with transaction(scene.pool) as conn:
        await work.insert(conn, "run", case_id=opened.case, thread_id=opened.thread)
        assert await threads.answer(conn, interrupt, {"type": "x"})
    assert await scene.settle(opened.thread) is False
    assert len(await scene.sql("select 1 from waits")) == 1
