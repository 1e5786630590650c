"""The contract of the private hooks we use: the saver's `_cursor`, LangGraph's strict resume, and our fence in them."""

from __future__ import annotations

import asyncio
from typing import Annotated, TypedDict
from uuid import uuid4

import psycopg
import pytest
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.errors import UnknownInterruptError
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from pydantic import BaseModel

from tests.integration.worker import toy
from workflow_orchestration.domain.errors import LeaseLost
from workflow_orchestration.worker.lease import LEASE, Lease
from workflow_orchestration.worker.runs import STRICT_RESUME
from workflow_orchestration.worker.saver import FencedSaver
from workflow_orchestration.workflows.common.state import replace


class Stranger(BaseModel):
    """A model that no state names."""

    x: int = 1


@pytest.fixture
async def item(scene):
    """A claimed run whose worker we are."""
    opened = await scene.open()
    claimed = await scene.claimed(opened.run)
    LEASE.set(Lease(opened.run, claimed["epoch"]))
    return claimed


@pytest.fixture
async def saver(pool):
    return FencedSaver(pool, [toy.Trace])


def config(thread: str = "", **more):
    return {"configurable": {"thread_id": thread or str(uuid4()), "checkpoint_ns": "", **more}}


async def put(saver, at, value=None):
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = {"trace": value if value is not None else toy.Trace(ran=("a",))}
    checkpoint["channel_versions"] = {"trace": "1"}
    return await saver.aput(at, checkpoint, {"step": 0, "run_id": "r"}, {"trace": "1"})


async def rows_of(scene):
    [row] = await scene.sql(
        "select (select count(*) from checkpoints) c, (select count(*) from checkpoint_writes) w, "
        "(select count(*) from checkpoint_blobs) b"
    )
    return row["c"], row["w"], row["b"]


# -- what the stock saver does still holds ------------------------------------------------------------------


async def test_a_checkpoint_comes_back_as_it_was_put(saver, item):
    at = await put(saver, config())
    found = await saver.aget_tuple(at)
    assert found.checkpoint["channel_values"] == {"trace": toy.Trace(ran=("a",))}
    assert found.metadata["run_id"] == "r"


async def test_an_answer_comes_back_with_its_checkpoint(saver, item):
    at = await put(saver, config())
    await saver.aput_writes(at, [("__resume__", {"type": "approve"})], "task-1")
    assert (await saver.aget_tuple(at)).pending_writes == [("task-1", "__resume__", {"type": "approve"})]


# -- what is kept back --------------------------------------------------------------------------------------

PLAIN = [("trace", toy.Trace(ran=("b",)))]
ERROR = [("__error__", "boom")]


async def pending(saver, at) -> list[tuple[str, str]]:
    return [(task, channel) for task, channel, _ in (await saver.aget_tuple(at)).pending_writes]


async def test_a_tasks_plain_writes_wait_for_the_checkpoint_that_holds_what_they_say(saver, item, scene):
    at = await put(saver, config())
    await saver.aput_writes(at, PLAIN, "task-1")
    assert await pending(saver, at) == []
    await put(saver, at)
    assert (await rows_of(scene))[1] == 0


async def test_a_question_or_an_error_stores_what_its_siblings_had_written(saver, item):
    at = await put(saver, config())
    await saver.aput_writes(at, PLAIN, "task-1")
    await saver.aput_writes(at, ERROR, "task-2")
    await saver.aput_writes(at, PLAIN, "task-3")
    assert sorted(await pending(saver, at)) == [("task-1", "trace"), ("task-2", "__error__"), ("task-3", "trace")]


async def test_writes_are_stored_under_the_path_of_their_task(saver, item, scene):
    at = await put(saver, config())
    await saver.aput_writes(at, PLAIN, "task-1", "~a")
    await saver.aput_writes(at, ERROR, "task-2", "~b")
    await saver.aput_writes(at, ERROR, "task-3")
    found = await scene.sql("select task_id, task_path from checkpoint_writes order by task_id")
    assert [(f["task_id"], f["task_path"]) for f in found] == [("task-1", "~a"), ("task-2", "~b"), ("task-3", "")]


@pytest.mark.parametrize("where", ["another step", "another namespace"])
async def test_an_error_stores_nothing_of_what_was_written_elsewhere(where, saver, item):
    at = await put(saver, config())
    thread = at["configurable"]["thread_id"]
    other = await put(saver, at if where == "another step" else config(thread, checkpoint_ns="sub"))
    await saver.aput_writes(at, PLAIN, "task-1")
    await saver.aput_writes(other, ERROR, "task-2")
    assert (await pending(saver, at), await pending(saver, other)) == ([], [("task-2", "__error__")])


async def test_nothing_is_kept_back_of_a_run_that_is_over(saver, item):
    at = await put(saver, config())
    await saver.aput_writes(at, PLAIN, "task-1")
    saver.forget(at["configurable"]["thread_id"])
    await saver.aput_writes(at, ERROR, "task-2")
    assert await pending(saver, at) == [("task-2", "__error__")]


class _State(TypedDict):
    trace: Annotated[toy.Trace, replace(toy.Trace)]


@pytest.mark.parametrize("slow", ["done", "asks"])
async def test_a_finished_sibling_of_a_question_does_not_run_again(slow, saver, item):
    ran = []

    async def done(_state):
        await asyncio.sleep(0.1 if slow == "done" else 0)
        ran.append("done")
        return {"trace": toy.Trace(ran=("done",))}

    async def asks(_state):
        await asyncio.sleep(0.1 if slow == "asks" else 0)
        interrupt("well?")
        return {}

    builder = StateGraph(_State)
    for node in (done, asks):
        builder.add_node(node.__name__, node)
        builder.add_edge(START, node.__name__)
    graph = builder.compile(checkpointer=saver)
    at = config()
    await graph.ainvoke({"trace": toy.Trace()}, at, durability="sync")
    [asked] = (await graph.aget_state(at)).interrupts
    await graph.ainvoke(Command(resume={asked.id: "yes"}), at, durability="sync")
    assert ran == ["done"]


async def test_checkpoints_are_listed_newest_first(saver, item):
    at = config()
    first = await put(saver, at)
    second = await put(saver, first)
    ids = [t.config["configurable"]["checkpoint_id"] async for t in saver.alist(at)]
    assert ids == [c["configurable"]["checkpoint_id"] for c in (second, first)]


async def test_a_thread_without_checkpoints_has_none(saver, item):
    assert await saver.aget_tuple(config()) is None


# -- the fence ----------------------------------------------------------------------------------------------


async def test_a_worker_that_lost_its_item_writes_no_checkpoint(saver, item, scene):
    at = await put(saver, config())
    before = await rows_of(scene)
    await scene.expire(str(item["id"]))
    await scene.claim(worker="other")
    with pytest.raises(LeaseLost):
        await put(saver, at)
    with pytest.raises(LeaseLost):
        await saver.aput_writes(at, [("__error__", "boom")], "task-1")
    assert await rows_of(scene) == before
    assert await saver.aget_tuple(at) is not None  # reading needs no lease


async def test_a_worker_that_finished_its_item_writes_no_checkpoint(saver, item, scene):
    await scene.sql("update work_items set status = 'done' where id = %(id)s", id=item["id"])
    with pytest.raises(LeaseLost):
        await put(saver, config())
    assert await rows_of(scene) == (0, 0, 0)


async def test_who_has_no_lease_at_all_cannot_write(saver):
    with pytest.raises(LookupError):
        await put(saver, config())


async def test_a_write_that_fails_half_way_leaves_nothing(saver, item, scene):
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = {"trace": toy.Trace(), "bad": float("nan")}
    checkpoint["channel_versions"] = {"trace": "1", "bad": "1"}
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        await saver.aput(config(), checkpoint, {}, {"trace": "1", "bad": "1"})
    assert await rows_of(scene) == (0, 0, 0)


# -- types --------------------------------------------------------------------------------------------------


async def test_a_type_that_no_state_names_is_not_brought_back_to_life(saver, item):
    at = await put(saver, config(), Stranger())
    found = (await saver.aget_tuple(at)).checkpoint["channel_values"]["trace"]
    assert not isinstance(found, Stranger)


# -- no lock over all ---------------------------------------------------------------------------------------


async def test_operations_of_one_saver_run_side_by_side(saver, item):
    inside = asyncio.Barrier(3)

    async def one():
        async with saver._cursor(), asyncio.timeout(2):
            await inside.wait()  # passed only when three are inside at once

    await asyncio.gather(*(one() for _ in range(3)))


# -- strict resume ------------------------------------------------------------------------------------------


class Two(TypedDict):
    trace: Annotated[toy.Trace, replace(toy.Trace)]


def ask_twice(state: Two) -> dict[str, toy.Trace]:
    return {"trace": toy.Trace(ran=(interrupt("a?"), interrupt("b?")))}


@pytest.fixture
async def answered(saver, item):
    """A graph with two questions in one node; the first is answered, the second is open."""
    graph = StateGraph(Two)
    graph.add_node("both", ask_twice)
    graph.add_edge(START, "both")
    graph.add_edge("both", END)
    app = graph.compile(checkpointer=saver)
    at = config()
    await app.ainvoke({"trace": toy.Trace()}, at, durability="sync")
    [first] = (await app.aget_state(at)).interrupts
    strict = {"configurable": {**at["configurable"], STRICT_RESUME: True}}
    await app.ainvoke(Command(resume={first.id: "A"}), strict, durability="sync")
    return app, at, strict, first.id


async def test_an_answer_sent_again_does_not_answer_the_next_question(answered):
    app, _, strict, first = answered
    with pytest.raises(UnknownInterruptError):
        await app.ainvoke(Command(resume={first: "A"}), strict, durability="sync")
    [second] = (await app.aget_state(strict)).interrupts
    assert second.id != first


async def test_without_strict_resume_it_would(answered):
    app, at, _, first = answered
    state = await app.ainvoke(Command(resume={first: "A"}), at, durability="sync")
    assert state["trace"].ran == ("A", "A")  # when LangGraph mends this, strict resume may go
