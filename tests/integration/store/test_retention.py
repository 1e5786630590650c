"""Pruning: what is machinery goes after its retention, what anybody knows a case by stays, and a hold keeps it all."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.store.scene import ANN, connect
from workflow_orchestration.domain.errors import NotFound
from workflow_orchestration.store import cases, casework, log, retention
from workflow_orchestration.store.db import retrying, transaction

_LEFT = {
    "checkpoints": "select count(*) as n from checkpoints where thread_id = %(t)s",
    "blobs": "select count(*) as n from checkpoint_blobs where thread_id = %(t)s",
    "writes": "select count(*) as n from checkpoint_writes where thread_id = %(t)s",
    "runs": "select count(*) as n from model_runs where thread_id = %(t)s",
    "items": "select count(*) as n from work_items where case_id = %(c)s",
}
_CHECKPOINT = """
insert into checkpoints (thread_id, checkpoint_id, checkpoint, metadata) values (%(t)s, 'c', '{}', '{}');
insert into checkpoint_blobs (thread_id, channel, version, type) values (%(t)s, 'p', '1', 'null');
insert into checkpoint_writes (thread_id, checkpoint_id, task_id, idx, channel, blob)
values (%(t)s, 'c', 't', 0, 'p', '');
insert into model_runs (thread_id, task_id, n, case_id, desk, agent, kind, model, revision, prompt_sha256, parameters,
tokens_in, tokens_out, cost) values (%(t)s, 't', 0, %(c)s, 'd', 'triage', 'decision', 'm', '', '', '{}', 1, 1, 0);
"""


async def ended(scene, *, days: int):
    """A case that ended so long ago, with one checkpoint and the items of its run."""
    opened = await scene.open()
    async with transaction(scene.pool) as conn:
        for statement in _CHECKPOINT.split(";\n"):
            if statement.strip():
                await conn.execute(statement, {"t": opened.thread, "c": opened.case})
    await end(scene, opened, days=days)
    return opened


async def end(scene, opened, *, days: int) -> None:
    at = {"days": days, "c": opened.case, "t": opened.thread}
    await scene.sql("update work_items set status = 'done', finished_at = now() - make_interval(days => %(days)s) "
                    "where case_id = %(c)s", **at)  # fmt: skip
    await scene.sql("update threads set state = 'ended', ended_at = now() - make_interval(days => %(days)s) "
                    "where id = %(t)s", **at)  # fmt: skip


async def left(scene, opened) -> dict[str, int]:
    return {
        name: (await scene.sql(statement, t=opened.thread, c=opened.case))[0]["n"] for name, statement in _LEFT.items()
    }


async def prune(scene, days: int = 90) -> int:
    return await retrying(scene.pool, lambda conn: retention.prune(conn, days=days))


async def hold(scene, opened, *, held: bool) -> None:
    async with transaction(scene.pool) as conn:
        await cases.change(conn, opened.case, log.WORKER, "case.held", legal_hold=held)


ALL = {"checkpoints": 1, "blobs": 1, "writes": 1, "runs": 1, "items": 1}
NONE = dict.fromkeys(ALL, 0)


async def test_an_ended_thread_leaves_no_machinery_after_its_retention_and_all_of_its_log(scene):
    opened = await ended(scene, days=91)
    entries = await scene.entries(opened.case)
    assert await prune(scene) == 1
    assert await left(scene, opened) == NONE
    assert entries
    assert await scene.entries(opened.case) == entries


async def test_nothing_is_removed_before_its_time(scene):
    opened = await ended(scene, days=89)
    assert await prune(scene) == 0
    assert await left(scene, opened) == ALL


@pytest.mark.parametrize("state", ["live", "waiting"])
async def test_a_thread_that_may_go_on_is_never_pruned_however_old(scene, state):
    opened = await ended(scene, days=91)
    await scene.sql("update threads set state = %(s)s where id = %(t)s", s=state, t=opened.thread)
    assert await prune(scene) == 0
    assert await left(scene, opened) == ALL


async def test_a_held_case_keeps_everything_until_the_hold_ends(scene):
    opened = await ended(scene, days=900)
    await hold(scene, opened, held=True)
    assert await prune(scene) == 0
    assert await left(scene, opened) == ALL
    await hold(scene, opened, held=False)
    assert await prune(scene) == 1
    assert await left(scene, opened) == NONE


async def test_a_hold_that_is_being_set_is_respected(scene, database):
    """The pruner passes a case whose hold is not committed yet; after the commit it sees the hold."""
    opened = await ended(scene, days=900)
    async with await connect(database.worker) as other, other.transaction():
        await cases.update(other, opened.case, legal_hold=True)
        assert await prune(scene) == 0
    assert await prune(scene) == 0
    assert await left(scene, opened) == ALL


async def test_a_reopened_case_keeps_what_its_new_thread_needs(scene):
    opened = await ended(scene, days=91)
    async with transaction(scene.pool) as conn:
        thread = await cases.start_thread(conn, opened.case)
    assert await prune(scene) == 1
    items = await scene.sql("select thread_id, status from work_items where case_id = %(c)s", c=opened.case)
    assert [(i["thread_id"], i["status"]) for i in items] == [(thread["id"], "pending")]


async def test_a_timer_that_still_waits_survives_its_thread(scene):
    opened = await ended(scene, days=91)
    timer = "update work_items set status = 'pending', kind = 'deadline', thread_id = null where case_id = %(c)s"
    await scene.sql(timer, c=opened.case)
    assert await prune(scene) == 1
    assert (await left(scene, opened))["items"] == 1


async def test_a_thread_is_pruned_once(scene):
    await ended(scene, days=91)
    assert [await prune(scene), await prune(scene)] == [1, 0]


async def test_two_pruners_share_the_work_and_neither_waits(scene):
    for _ in range(6):
        await ended(scene, days=91)
    assert sum(await asyncio.gather(*(prune(scene) for _ in range(4)))) == 6


async def test_only_who_sees_a_case_holds_it(scene):
    opened = await scene.open()
    await scene.sql("update cases set desk = 'rates' where id = %(c)s", c=opened.case)
    with pytest.raises(NotFound):
        async with transaction(scene.pool) as conn:
            await casework.hold(conn, opened.case, ANN, held=True, why="x")
