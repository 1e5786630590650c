"""A worker that freezes, drains, or dies each time it touches one case."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from ci.local import story
from ci.local.killing import Kill
from workflow_orchestration.store.db import make_pool, rows


@pytest.fixture
async def pool(stage):
    async with make_pool(stage.url, size=3, name="test") as found:
        yield found


async def _sql(pool, statement, **params):
    async with pool.connection() as conn:
        return await rows(conn, statement, params)


@pytest.mark.parametrize(
    "name", ["node act", "checkpoint aput", "runs run", "deliver _send"], ids=lambda name: name.replace(" ", "-")
)
async def test_a_worker_frozen_past_its_lease_writes_nothing_when_it_wakes(stage, pool, name):
    stage.workers.start(Kill(0, "before", signal.SIGSTOP, name))
    frozen = stage.workers.processes[-1]
    running = "select id, epoch from work_items where status = 'running'"

    async def replace_the_frozen_worker():
        while _state(frozen.pid) != "T":
            await asyncio.sleep(0.02)
        held = {(row["id"], row["epoch"]) for row in await _sql(pool, running)}
        assert held
        stage.workers.start()
        # what it holds is taken over while it is frozen: its lease and the server's time-out are six seconds together
        async with asyncio.timeout(40):
            while held & {(row["id"], row["epoch"]) for row in await _sql(pool, running)}:
                await asyncio.sleep(0.1)
        os.kill(frozen.pid, signal.SIGCONT)

    async with asyncio.TaskGroup() as group:
        group.create_task(replace_the_frozen_worker())
        playing = group.create_task(story.Player(pool, stage.workers).play(stage.outbox))
    ending = playing.result()
    await asyncio.sleep(1)
    assert [(step, state) for step, state, _ in ending.effects] == [("cancel", "delivered"), ("replace", "delivered")]
    assert len(story._files(stage.outbox)) == 2
    assert ending.case["status"] == "resolved"
    assert ending.log_valid


def _state(pid: int) -> str:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()[0]


@pytest.mark.parametrize("name", ["node investigate", "node take_answer", "checkpoint aput"])
async def test_a_drained_worker_gives_its_item_back_uncharged(stage, pool, name):
    stage.workers.start(Kill(0, "before", signal.SIGTERM, name))
    ending = await story.Player(pool, stage.workers).play(stage.outbox)
    assert stage.workers.deaths >= 1
    assert ending.case["status"] == "resolved"
    assert len(ending.files) == 2
    attempts = await _sql(pool, "select max(attempt) as most, max(epoch) as epochs from work_items where kind = 'run'")
    assert attempts[0]["most"] == 1
    assert attempts[0]["epochs"] > 1


async def test_a_case_that_kills_its_worker_five_times_is_failed_and_a_supervisor_is_told(stage, pool):
    stage.workers.again = Kill(0, "before", signal.SIGKILL, "node propose_action")
    stage.workers.start(stage.workers.again)
    player = story.Player(pool, stage.workers)
    case_id = await player._post(story.sample("mt548-nmat-dmon-WO-1002"))
    await player._wait(lambda conn: player._ended(conn, case_id))
    [case] = await _sql(pool, "select status from cases where id = %(id)s", id=case_id)
    assert case["status"] == "failed"
    [item] = await _sql(
        pool, "select status, attempt from work_items where case_id = %(id)s and kind = 'run'", id=case_id
    )
    assert (item["status"], item["attempt"]) == ("dead", 5)
    [task] = await _sql(pool, "select role, state from tasks where case_id = %(id)s", id=case_id)
    assert (task["role"], task["state"]) == ("ops_supervisor", "open")
    [thread] = await _sql(pool, "select state, outcome from threads where case_id = %(id)s", id=case_id)
    assert (thread["state"], thread["outcome"]) == ("ended", "failed")
    assert stage.workers.deaths == 5


async def test_cut_connections_in_mid_work_change_nothing(stage, pool):
    stage.workers.start()

    async def cut() -> int:
        count = 0
        while True:
            await asyncio.sleep(0.15)
            count += len(
                await _sql(
                    owner,
                    "select pg_terminate_backend(pid) from pg_stat_activity where "
                    "application_name like 'wo-worker%%' and datname = current_database()",
                )
            )

    async with make_pool(stage.owner, size=1, name="cutter") as owner:
        await _sql(owner, "select 1")
        cutter = asyncio.create_task(cut())
        ending = await story.Player(pool, stage.workers).play(stage.outbox)
        cutter.cancel()
    assert ending.case["status"] == "resolved"
    assert len(ending.files) == 2
    assert ending.log_valid
