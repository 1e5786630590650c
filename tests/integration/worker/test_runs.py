"""The recovery rule: wherever a run dies or drains, its next owner ends it as if nothing had happened."""

from __future__ import annotations

import asyncio

import pytest
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl

from tests.integration.worker import toy
from workflow_orchestration.domain.errors import LeaseLost
from workflow_orchestration.store import threads, work
from workflow_orchestration.store.db import RacedError, transaction
from workflow_orchestration.worker import runs
from workflow_orchestration.worker.saver import FencedSaver

#: Commits of checkpoints of each entry into the toy graph.
START_WRITES, RESUME_WRITES = 4, 4
ANSWER = {"type": "go"}
ALL = "begin,ask,take,end"


@pytest.fixture(autouse=True)
def hooks(monkeypatch):
    return toy.install(monkeypatch)


@pytest.fixture
async def opened(scene):
    return await scene.open()


async def begin(scene, opened, **kwargs):
    """Claim the thread's run and do it."""
    [run] = await scene.live_runs(opened.thread)
    await scene.expire(str(run["id"]))
    item = await scene.claimed(str(run["id"]))
    await toy.run_item(scene.pool, item, **kwargs)
    return item


async def pause(scene, opened):
    """Run to the question; returns its interrupt."""
    await begin(scene, opened)
    [wait] = await scene.sql("select interrupt_id from waits where thread_id = %(t)s", t=opened.thread)
    return wait["interrupt_id"]


async def answer(scene, opened, value=ANSWER):
    interrupt = await pause(scene, opened)
    async with transaction(scene.pool) as conn:
        assert await threads.answer(conn, interrupt, value)
    await scene.settle(opened.thread)
    return interrupt


async def ran(scene, opened):
    """Nodes that ran, as the log tells it: the latest epoch of each."""
    entries = await scene.entries(opened.case)
    return [e["data"]["node"] for e in entries if e["type"] == "ran" and not e["superseded"]]


async def state(scene, opened):
    graph = toy.runner(scene.pool)._graphs["settlement"]
    return (await graph.aget_state({"configurable": {"thread_id": opened.thread}})).values


async def ended(scene, opened):
    last = (await scene.entries(opened.case))[-1]
    assert last["type"] == "case.ended", last
    return (await scene.case(opened.case))["status"], last["data"]["reason"]


@pytest.fixture
async def no_phases(monkeypatch):
    """The toy says nothing of a case's phase; ending it must not depend on that."""
    from workflow_orchestration.store import cases

    monkeypatch.setattr(cases, "check_edge", lambda before, after: None)


pytestmark = pytest.mark.usefixtures("no_phases")


# -- without a crash ----------------------------------------------------------------------------------------


async def test_a_run_stops_at_a_question_and_its_thread_waits(scene, opened):
    await pause(scene, opened)
    assert (await scene.thread(opened.thread))["state"] == "waiting"
    assert (await scene.item(opened.run))["status"] == "done"
    assert await ran(scene, opened) == ["begin"]


async def test_an_answer_lets_it_run_to_its_end(scene, opened):
    await answer(scene, opened)
    await begin(scene, opened)
    assert await ended(scene, opened) == ("resolved", ALL)
    assert (await state(scene, opened))["trace"].answer == ANSWER


# -- a crash ------------------------------------------------------------------------------------------------


async def die_and_recover(scene, opened, monkeypatch, at, *, after):
    async with toy.killed_at_write(monkeypatch, at, after=after) as count:
        with pytest.raises(toy.Killed):
            await begin(scene, opened)
    assert count[0] >= at
    await begin(scene, opened)


@pytest.mark.parametrize("at", range(1, START_WRITES + 3))
async def test_a_death_of_a_worker_that_stored_writes_before_their_checkpoint_is_taken_over(
    scene, opened, monkeypatch, at
):
    """As LangGraph's own saver does, and the releases before ours kept them back: what they left is there to be met."""
    monkeypatch.setattr(FencedSaver, "aput_writes", AsyncPostgresSaver.aput_writes)
    await die_and_recover(scene, opened, monkeypatch, at, after=True)
    assert await ran(scene, opened) == ["begin"]
    assert (await scene.thread(opened.thread))["state"] == "waiting"


async def die_before_finish(scene, opened, monkeypatch):
    async def die(*args):
        raise toy.Killed

    with monkeypatch.context() as patch:
        patch.setattr(runs, "finish", die)
        with pytest.raises(toy.Killed):
            await begin(scene, opened)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, START_WRITES + 1))
async def test_a_run_that_died_at_a_commit_of_its_start_pauses_as_if_it_had_not(at, after, scene, opened, monkeypatch):
    await die_and_recover(scene, opened, monkeypatch, at, after=after)
    assert (await scene.thread(opened.thread))["state"] == "waiting"
    assert await ran(scene, opened) == ["begin"]
    found = await state(scene, opened)
    assert (found["inputs"].count, found["trace"].ran) == (1, ("begin",))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, RESUME_WRITES + 1))
async def test_a_run_that_died_at_a_commit_after_its_answer_ends_as_if_it_had_not(
    at, after, scene, opened, monkeypatch
):
    await answer(scene, opened)
    await die_and_recover(scene, opened, monkeypatch, at, after=after)
    assert await ended(scene, opened) == ("resolved", ALL)
    assert await ran(scene, opened) == ["begin", "take", "end"]
    found = await state(scene, opened)
    assert (found["inputs"].count, found["trace"].answer) == (1, ANSWER)


async def test_the_tests_above_kill_at_every_commit_there_is(scene, opened, monkeypatch):
    async with toy.killed_at_write(monkeypatch, 1000, after=True) as start:
        interrupt = await pause(scene, opened)
    async with transaction(scene.pool) as conn:
        await threads.answer(conn, interrupt, ANSWER)
    await scene.settle(opened.thread)
    async with toy.killed_at_write(monkeypatch, 1000, after=True) as resume:
        await begin(scene, opened)
    assert (start[0], resume[0]) == (START_WRITES, RESUME_WRITES)


@pytest.mark.parametrize("name", ["begin", "take", "end"])
async def test_a_node_that_died_half_way_runs_again_from_its_start(name, scene, opened, hooks):
    async def die(node):
        hooks.inside.clear()
        raise toy.Killed

    hooks.inside[name] = die
    if name == "begin":
        with pytest.raises(toy.Killed):
            await begin(scene, opened)
    await answer(scene, opened)
    if name != "begin":
        with pytest.raises(toy.Killed):
            await begin(scene, opened)
    await begin(scene, opened)
    assert await ran(scene, opened) == ["begin", "take", "end"]
    assert (await ended(scene, opened))[0] == "resolved"


async def test_a_run_that_died_twice_is_still_one_run(scene, opened, monkeypatch):
    for at in (2, 3):
        async with toy.killed_at_write(monkeypatch, at, after=False):
            with pytest.raises(toy.Killed):
                await begin(scene, opened)
    await answer(scene, opened)
    await begin(scene, opened)
    assert await ended(scene, opened) == ("resolved", ALL)
    assert (await state(scene, opened))["inputs"].count == 1


@pytest.mark.parametrize("resumed", [False, True], ids=["paused", "ended"])
async def test_a_run_that_died_just_before_its_finish_only_finishes(resumed, scene, opened, monkeypatch):
    if resumed:
        await answer(scene, opened)

    await die_before_finish(scene, opened, monkeypatch)
    nodes = await ran(scene, opened)
    await begin(scene, opened)
    assert await ran(scene, opened) == nodes
    assert (await scene.thread(opened.thread))["state"] == ("ended" if resumed else "waiting")


# -- a zombie -----------------------------------------------------------------------------------------------


async def test_a_worker_that_lost_its_item_writes_no_row_no_entry_and_no_checkpoint(scene, opened):
    stale = await scene.claimed(opened.run)
    await scene.expire(opened.run)
    await scene.claimed(opened.run)
    with pytest.raises(LeaseLost):
        await toy.run_item(scene.pool, stale)
    assert [e["type"] for e in await scene.entries(opened.case)] == ["case.opened"]
    assert await scene.sql("select 1 from checkpoints") == []


# -- a drain ------------------------------------------------------------------------------------------------


async def drain_in(scene, opened, hooks, name):
    """Ask the graph to stop while this node runs, and give the item back as a worker does."""
    control = RunControl()

    async def ask_to_stop(node):
        control.request_drain("shutdown")

    hooks.inside[name] = ask_to_stop
    with pytest.raises(GraphDrained):
        await begin(scene, opened, control=control)
    hooks.inside.clear()
    [item] = await scene.live_runs(opened.thread)
    async with transaction(scene.pool) as conn:
        assert await work.release(conn, str(item["id"]), item["epoch"], charge=False)


@pytest.mark.parametrize("name", ["begin", "take"])
async def test_a_drained_run_goes_on_where_it_stopped_without_a_charge(name, scene, opened, hooks):
    if name == "begin":
        await drain_in(scene, opened, hooks, name)
    await answer(scene, opened)
    if name == "take":
        await drain_in(scene, opened, hooks, name)
    [item] = await scene.live_runs(opened.thread)
    assert item["attempt"] == 0
    await begin(scene, opened)
    assert await ended(scene, opened) == ("resolved", ALL)
    assert [e["epoch"] for e in await scene.entries(opened.case) if e["data"].get("node") == name] == [1]  # not again


# -- answers ------------------------------------------------------------------------------------------------


async def test_stale_answers_run_nothing_and_the_thread_waits_on(scene, opened):
    interrupt = await pause(scene, opened)
    async with transaction(scene.pool) as conn:
        await threads.lock(conn, opened.thread)
        await work.insert(
            conn, "run", case_id=opened.case, thread_id=opened.thread, payload={"answers": {"0" * 32: ANSWER}}
        )
    await begin(scene, opened)
    assert await ran(scene, opened) == ["begin"]
    assert [w["interrupt_id"] for w in await scene.sql("select interrupt_id from waits")] == [interrupt]


async def test_a_thread_that_nobody_ran_goes_on_where_it_stopped(scene, opened, monkeypatch):
    async with toy.killed_at_write(monkeypatch, 3, after=True):
        with pytest.raises(toy.Killed):
            await begin(scene, opened)
    await scene.run_done(opened)  # the item is gone, the thread is live
    async with transaction(scene.pool) as conn:
        await work.insert(conn, "run", case_id=opened.case, thread_id=opened.thread, payload={"continue": True})
    await begin(scene, opened)
    assert (await scene.thread(opened.thread))["state"] == "waiting"
    assert (await state(scene, opened))["inputs"].count == 1


async def test_a_thread_that_nobody_ever_ran_starts(scene, opened):
    await scene.run_done(opened)
    async with transaction(scene.pool) as conn:
        await work.insert(conn, "run", case_id=opened.case, thread_id=opened.thread, payload={"continue": True})
    await begin(scene, opened)
    assert (await scene.thread(opened.thread))["state"] == "waiting"
    assert await ran(scene, opened) == ["begin"]


async def test_a_thread_that_nobody_finished_ends(scene, opened, monkeypatch):
    await answer(scene, opened)

    await die_before_finish(scene, opened, monkeypatch)
    await scene.sql("update work_items set status = 'done' where kind = 'run'")
    async with transaction(scene.pool) as conn:
        await work.insert(conn, "run", case_id=opened.case, thread_id=opened.thread, payload={"continue": True})
    await begin(scene, opened)
    assert await ended(scene, opened) == ("resolved", ALL)


# -- nodes --------------------------------------------------------------------------------------------------


async def test_a_node_that_lost_a_race_is_tried_again_and_says_each_thing_once(scene, opened, hooks):
    tries = []

    async def lose_twice(node):
        tries.append(1)
        if len(tries) < 3:
            raise RacedError("somebody was faster")

    hooks.inside["begin"] = lose_twice
    await pause(scene, opened)
    assert len(tries) == 3
    assert [(e["n"], e["epoch"]) for e in await scene.entries(opened.case) if e["type"] == "ran"] == [(0, 1)]


async def test_a_node_starts_only_when_the_step_before_it_is_stored(scene, opened, hooks, monkeypatch):
    stock, steps = FencedSaver.aput, []

    async def slow(*args, **kwargs):
        await asyncio.sleep(0.3)
        return await stock(*args, **kwargs)

    async def look(node):
        [row] = await scene.sql("select max((metadata ->> 'step')::int) as step from checkpoints")
        steps.append(row["step"])

    monkeypatch.setattr(FencedSaver, "aput", slow)
    hooks.inside.update(dict.fromkeys(("begin", "take", "end"), look))
    await answer(scene, opened)
    await begin(scene, opened)
    assert steps == [0, 2, 3]  # "ask" is step 1


async def test_a_node_is_asked_to_wait_no_longer_than_a_run_may_take(scene, opened, hooks):
    async def hang(node):
        await asyncio.sleep(10)

    hooks.inside["begin"] = hang
    item = await scene.claimed(opened.run)
    runner = toy.runner(scene.pool)
    runner._run_timeout = 0.2
    toy.LEASE.set(toy.Lease(opened.run, item["epoch"]))
    with pytest.raises(TimeoutError):
        await runner.run(item, RunControl())


# -- the finish ---------------------------------------------------------------------------------------------


async def test_a_run_that_was_asked_to_stop_ends_its_case_as_asked(scene, opened):
    item = await scene.claimed(opened.run)
    await scene.sql("update work_items set cancel = 'cancelled' where id = %(id)s", id=opened.run)
    await toy.run_item(scene.pool, item)
    assert (await scene.case(opened.case))["status"] == "cancelled"
    assert (await scene.item(opened.run))["status"] == "cancelled"
    assert await scene.sql("select 1 from waits") == []


async def test_a_status_that_changed_during_the_run_resumes_it_at_once(scene, opened):
    await scene.sql("update cases set changed_seq = 1 where id = %(c)s", c=opened.case)
    await begin(scene, opened)
    [run] = await scene.live_runs(opened.thread)
    assert [a["type"] for a in run["payload"]["answers"].values()] == ["refresh"]
    assert (await scene.thread(opened.thread))["state"] == "live"


async def test_an_external_wait_comes_with_its_timer(scene, opened):
    interrupt = await pause(scene, opened)
    [timer] = await scene.sql(
        "select payload, round(extract(epoch from not_before - now()) / 60) as minutes "
        "from work_items where kind = 'deadline'"
    )
    assert (timer["payload"], timer["minutes"]) == ({"what": "external_timeout", "ref": interrupt}, 60)


async def test_a_failed_run_ends_item_thread_and_case_and_tells_a_supervisor(scene, opened):
    item = await scene.claimed(opened.run)
    async with transaction(scene.pool) as conn:
        await runs.fail(conn, item, "ValueError: no")
    [task] = await scene.sql("select role, kind, state, text from tasks")
    assert (task["role"], task["kind"], task["state"]) == ("ops_supervisor", "failed", "open")
    assert "ValueError: no" in task["text"]
    assert ((await scene.item(opened.run))["status"], (await scene.case(opened.case))["status"]) == ("dead", "failed")
    assert (await scene.thread(opened.thread))["outcome"] == "failed"
