"""A whole worker on the toy workflow: what it does with a bad node, a cancel, a drain and a lost database."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.integration.store.scene import SUE
from tests.integration.worker import toy
from tests.platform import free_port
from workflow_orchestration.settings import Settings
from workflow_orchestration.store import cases, lifecycle
from workflow_orchestration.store.db import retrying
from workflow_orchestration.worker import main
from workflow_orchestration.worker.main import Worker


@pytest.fixture(autouse=True)
def hooks(monkeypatch):
    monkeypatch.setattr(cases, "check_edge", lambda before, after: None)  # the toy knows no phases
    monkeypatch.setattr(main, "_RETRY_SECONDS", 0.05)
    monkeypatch.setattr(main.calendars, "load", lambda: None)  # no market calendar is asked
    return toy.install(monkeypatch)


@asynccontextmanager
async def working(database, **changes: Any):
    settings = Settings(
        **{
            "database_url": database.worker,
            "metrics_port": free_port(),
            "log_anchor_file": None,
            "lease_seconds": 3,
            "heartbeat_seconds": 0.3,
            "drain_seconds": 0.5,
            **changes,
        }
    )
    worker = Worker(settings)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.drain()
        await task


async def until(look, seconds=10):
    async with asyncio.timeout(seconds):
        while True:
            if found := await look():
                return found
            await asyncio.sleep(0.02)


async def case_is(scene, opened, status):
    async def look():
        return (await scene.case(opened.case))["status"] == status

    await until(look)


async def thread_is(scene, opened, state):
    async def look():
        return (await scene.thread(opened.thread))["state"] == state

    await until(look)


class Inside:
    """A node's hook that says when it is reached and stays until it is let go."""

    def __init__(self) -> None:
        self.reached, self.go = asyncio.Event(), asyncio.Event()

    async def __call__(self, node: Any) -> None:
        self.reached.set()
        await self.go.wait()


# -- a node that cannot succeed -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("update", "said"),
    [
        ({"trace": "text"}, "channel trace: str is not a Trace"),
        ({"stranger": toy.Trace()}, "wrote 'stranger'; the state has trace, inputs"),
        (["not", "an", "update"], "returned list, not an update"),
        ({"trace": toy.Trace(answer={"n": 2**70})}, "exceeds 64 bits"),
        ({"trace": toy.Trace(answer={"s": "a\x00b"})}, "NUL"),
        ({"trace": toy.Trace(answer={"f": float("nan")})}, "float nan"),
    ],
)
async def test_an_invalid_update_fails_the_case_and_the_thread_stays_readable(
    update, said, scene, database, monkeypatch
):
    build = toy.build

    def with_bad_node():
        async def bad(state: toy.State, node: toy.Node) -> Any:
            node.log("ran", {"node": "bad"})
            return update

        graph = build()
        graph.nodes.pop("take")
        graph.add_node("take", toy.node(toy.State)(bad))
        return graph

    await fails(scene, database, monkeypatch, with_bad_node, said)


async def fails(scene, database, monkeypatch, build, said):
    monkeypatch.setattr(
        toy.runs,
        "WORKFLOWS",
        {
            "settlement": toy.Workflow(
                build, toy.TOY.start, toy.TOY.state_types, toy.TOY.outcome, toy.TOY.check_delivery
            )
        },
    )
    opened = await scene.open()
    async with working(database):
        await thread_is(scene, opened, "waiting")
        await scene.sql("update cases set changed_seq = changed_seq + 1")
        await scene.settle(opened.thread)
        await scene.sql("select pg_notify('wo', 'work')")
        await case_is(scene, opened, "failed")
    entries = await scene.entries(opened.case)
    assert said in entries[-1]["data"]["error"]
    assert "node bad" in entries[-1]["data"]["error"]
    assert "bad" not in [e["data"].get("node") for e in entries]  # nothing of the node was kept
    graph = toy.runner(scene.pool)._graphs["settlement"]
    snapshot = await graph.aget_state({"configurable": {"thread_id": opened.thread}})
    assert snapshot.values["trace"].ran == ("begin", "ask")
    assert [t["kind"] for t in await scene.sql("select kind from tasks")] == ["failed"]


# -- cancel -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [AssertionError, RuntimeError])
async def test_a_stop_that_surfaces_as_another_error_is_a_stop_and_no_failure(scene, database, hooks, error):
    """What psycopg does when it is cancelled on its way into a pipeline."""
    reached = asyncio.Event()

    async def swallow(at):
        reached.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            raise error from None

    hooks.inside["begin"] = swallow
    opened = await scene.open()
    async with working(database):
        await reached.wait()
        await retrying(scene.pool, lambda c: lifecycle.cancel(c, opened.case, actor=SUE.actor()))
        await case_is(scene, opened, "cancelled")


async def test_a_cancelled_case_stops_in_the_middle_of_a_node(scene, database, hooks):
    hooks.inside["begin"] = inside = Inside()
    opened = await scene.open()
    async with working(database):
        await asyncio.wait_for(inside.reached.wait(), 10)
        said = await retrying(scene.pool, lambda c: lifecycle.cancel(c, opened.case, actor=SUE.actor()))
        assert said == "cancelling"
        await case_is(scene, opened, "cancelled")
    assert (await scene.item(opened.run))["status"] == "cancelled"
    assert [e["type"] for e in await scene.entries(opened.case)] == [
        "case.opened",
        "case.cancel_requested",
        "case.ended",
    ]


# -- its helpers ---------------------------------------------------------------------------------------------


async def test_a_worker_whose_heart_stopped_drains_and_ends_with_the_error(scene, database, hooks, monkeypatch):
    async def stop(heart):
        await inside.reached.wait()
        raise ZeroDivisionError("the heart")

    monkeypatch.setattr(main.Heart, "run", stop)
    hooks.inside["begin"] = inside = Inside()
    opened = await scene.open()
    with pytest.raises(ZeroDivisionError, match="the heart"):
        async with working(database) as worker:
            await asyncio.wait_for(worker._draining.wait(), 10)  # by itself
    item = await scene.item(opened.run)
    assert (item["status"], item["attempt"]) == ("pending", 0)


# -- drain --------------------------------------------------------------------------------------------------


async def test_a_drain_waits_for_the_step_and_charges_nothing(scene, database, hooks):
    hooks.inside["begin"] = inside = Inside()
    opened = await scene.open()
    async with working(database, drain_seconds=5) as worker:
        await asyncio.wait_for(inside.reached.wait(), 10)
        worker.drain()
        inside.go.set()
    item = await scene.item(opened.run)
    assert (item["status"], item["attempt"]) == ("pending", 0)
    assert [e["data"]["node"] for e in await scene.entries(opened.case) if e["type"] == "ran"] == ["begin"]


async def test_a_drain_lets_go_of_a_node_that_takes_too_long(scene, database, hooks):
    hooks.inside["begin"] = inside = Inside()
    opened = await scene.open()
    async with working(database, drain_seconds=0.2):
        await asyncio.wait_for(inside.reached.wait(), 10)
    item = await scene.item(opened.run)
    assert (item["status"], item["attempt"]) == ("pending", 0)
    assert len(await scene.entries(opened.case)) == 1


async def test_the_heart_beats_until_a_drained_item_has_ended(scene, database, hooks):
    hooks.inside["begin"] = inside = Inside()
    opened = await scene.open()
    async with working(database, lease_seconds=1, heartbeat_seconds=0.2, drain_seconds=1.6) as worker:
        await asyncio.wait_for(inside.reached.wait(), 10)
        worker.drain()
        await asyncio.sleep(1.3)
        assert ((await scene.item(opened.run))["expired"], await scene.claim()) == (False, [])


# -- what may cure itself -----------------------------------------------------------------------------------


async def test_a_lost_connection_is_tried_again_and_charged(scene, database, hooks):
    async def cut(node):
        hooks.inside.clear()
        await node.conn.execute("select pg_terminate_backend(pg_backend_pid())")

    hooks.inside["begin"] = cut
    opened = await scene.open()
    async with working(database):
        await thread_is(scene, opened, "waiting")
    item = await scene.item(opened.run)
    assert (item["status"], item["attempt"]) == ("done", 2)
    assert [e["epoch"] for e in await scene.entries(opened.case) if e["type"] == "ran"] == [3]


async def test_a_worker_that_froze_inside_a_node_does_not_fail_the_case(scene, database, hooks):
    async def freeze(node):
        hooks.inside.clear()
        await node.conn.execute("set local idle_in_transaction_session_timeout = '100ms'")
        await asyncio.sleep(0.4)

    hooks.inside["begin"] = freeze
    opened = await scene.open()
    async with working(database):
        await thread_is(scene, opened, "waiting")
    assert (await scene.case(opened.case))["status"] == "open"


async def test_a_worker_that_cannot_reach_the_database_waits_for_it(scene, database, postgres):
    opened = await scene.open()
    with postgres.admin() as admin:
        admin.execute(f'alter database "{database.name}" with allow_connections false')
        try:
            async with working(database):
                await asyncio.sleep(0.5)
                admin.execute(f'alter database "{database.name}" with allow_connections true')
                await thread_is(scene, opened, "waiting")
        finally:
            admin.execute(f'alter database "{database.name}" with allow_connections true')
