"""What an anchor writes: a line for each time something moved, and what a late commit must not slip past."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import psycopg
import pytest

from workflow_orchestration.store import log
from workflow_orchestration.store.db import transaction
from workflow_orchestration.worker.anchor import Anchor


@pytest.fixture
def file(tmp_path):
    return tmp_path / "far" / "away" / "heads.jsonl"


async def say(scene, stream):
    async with transaction(scene.pool) as conn:
        await log.append(conn, stream, [log.Entry("said", log.WORKER)])
    return (await scene.entries(stream))[-1]


def lines(file):
    text = file.read_text()
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


async def test_a_line_says_when_and_the_head_of_each_stream_that_moved(scene, file):
    a, b = await say(scene, "a"), await say(scene, "b")
    keeper = Anchor(scene.pool, file)
    assert await keeper.write() == 2
    more = await say(scene, "a")
    assert await keeper.write() == 1
    first, second = lines(file)
    assert first["heads"] == {"a": [1, a["hash"]], "b": [1, b["hash"]]}
    assert second["heads"] == {"a": [2, more["hash"]]}
    at = datetime.fromisoformat(second["at"])
    assert (at.utcoffset().total_seconds(), abs((datetime.now(UTC) - at).total_seconds()) < 60) == (0, True)


async def test_nothing_is_written_while_nothing_has_moved(scene, file):
    keeper = Anchor(scene.pool, file)
    assert await keeper.write() == 0
    assert not file.exists()
    await say(scene, "a")
    assert [await keeper.write(), await keeper.write()] == [1, 0]
    assert len(lines(file)) == 1


async def test_a_restarted_worker_writes_every_head_anew(scene, file):
    await say(scene, "a")
    await Anchor(scene.pool, file).write()
    await Anchor(scene.pool, file).write()
    first, second = lines(file)
    assert first["heads"] == second["heads"]


@pytest.mark.parametrize(("seconds", "heads"), [(50, 1), (70, 0)])
async def test_an_entry_that_a_long_transaction_committed_late_is_anchored_up_to_a_minute_after(
    seconds, heads, scene, file, database
):
    keeper = Anchor(scene.pool, file)
    await say(scene, "a")
    await keeper.write()
    await say(scene, "late")
    with psycopg.connect(database.owner) as conn:
        conn.execute(
            "update log_entries set at = (select at from log_entries where stream = 'a') - make_interval(secs => %s) "
            "where stream = 'late'",
            (seconds,),
        )
    assert await keeper.write() == heads


async def test_an_anchor_of_a_stream_that_rests_is_not_repeated_when_another_moves(scene, file):
    keeper = Anchor(scene.pool, file)
    await say(scene, "rests")
    await keeper.write()
    await say(scene, "moves")
    await keeper.write()
    assert [sorted(line["heads"]) for line in lines(file)] == [["rests"], ["moves"]]
