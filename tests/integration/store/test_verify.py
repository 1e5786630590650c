"""What the database's owner may do to the log, and that each of it is named; a rewritten chain only by the anchor."""

from __future__ import annotations

from datetime import datetime, timedelta

import psycopg
import pytest
from psycopg.rows import dict_row

from workflow_orchestration.domain.canonical import canonical
from workflow_orchestration.store import log, verify
from workflow_orchestration.store.db import transaction
from workflow_orchestration.worker import anchor as anchors
from workflow_orchestration.worker.anchor import Anchor


@pytest.fixture
async def written(scene) -> None:
    """Two streams, of five entries and of two."""
    async with transaction(scene.pool) as conn:
        await log.append(conn, "a", [log.Entry("said", log.WORKER, {"n": n}) for n in range(1, 6)])
        await log.append(conn, "b", [log.Entry("said", log.WORKER, {"n": n}) for n in range(1, 3)])


@pytest.fixture
def anchor_file(tmp_path):
    return tmp_path / "anchor" / "heads.jsonl"


@pytest.fixture
def tamper(database):
    """Runs a statement as the owner."""

    def run(statement, **params):
        with psycopg.connect(database.owner, row_factory=dict_row) as conn:
            return conn.execute(statement, params)

    return run


@pytest.fixture
def rewrite(database):
    """Change an entry and compute the stream's chain anew: what only the owner can do."""

    def run(stream: str, seq: int, data: dict) -> None:
        with psycopg.connect(database.owner, row_factory=dict_row) as conn:
            conn.execute(
                "update log_entries set data = %s where stream = %s and seq = %s",
                (canonical(data).decode(), stream, seq),
            )
            prev = ""
            for row in conn.execute("select * from log_entries where stream = %s order by seq", (stream,)).fetchall():
                prev_hash, prev = prev, log.entry_hash({**row, "prev": prev})
                conn.execute(
                    "update log_entries set prev = %s, hash = %s where stream = %s and seq = %s",
                    (prev_hash, prev, stream, row["seq"]),
                )
            conn.execute("update log_streams set head = %s where stream = %s", (prev, stream))

    return run


async def findings(scene, anchor_file=None, **kwargs):
    async with scene.pool.connection() as conn:
        report = await verify.verify(conn, verify.read_anchors(anchor_file), **kwargs)
    assert report.valid == (not report.findings)
    return [(f.kind, f.stream, f.seq) for f in report.findings]


async def anchor(scene, anchor_file) -> int:
    return await Anchor(scene.pool, anchor_file).write()


async def test_an_untouched_log_is_valid_with_and_without_its_anchor(scene, written, anchor_file):
    assert await anchor(scene, anchor_file) == 2
    async with scene.pool.connection() as conn:
        report = await verify.verify(conn, verify.read_anchors(anchor_file))
    assert (report.valid, report.streams, report.entries, report.anchors) == (True, 2, 7, 2)
    assert await findings(scene) == []


@pytest.mark.parametrize(
    "change",
    [
        "data = '{\"n\":99}'",
        "actor = '{}'",
        "type = 'other'",
        "at = at + interval '1 s'",
        "epoch = 7",
        "prev = ''",
        "hash = 'sha256:0'",
    ],
)
async def test_a_changed_entry_is_named_whatever_of_it_was_changed(change, scene, written, tamper):
    tamper(f"update log_entries set {change} where stream = 'a' and seq = 3")
    assert ("changed", "a", 3) in await findings(scene)


async def test_a_deleted_entry_is_named(scene, written, tamper):
    tamper("delete from log_entries where stream = 'a' and seq = 3")
    assert await findings(scene) == [("deleted", "a", 3)]


async def test_a_truncated_stream_is_named(scene, written, tamper):
    tamper("delete from log_entries where stream = 'a' and seq > 3")
    assert await findings(scene) == [("truncated", "a", 4)]


async def test_a_truncated_stream_whose_counter_was_turned_back_is_named_by_the_anchor(
    scene, written, tamper, anchor_file
):
    await anchor(scene, anchor_file)
    tamper("delete from log_entries where stream = 'a' and seq > 3")
    tamper(
        "update log_streams set seq = 3, head = (select hash from log_entries where stream = 'a' and seq = 3) "
        "where stream = 'a'"
    )
    assert await findings(scene) == []
    assert await findings(scene, anchor_file) == [("truncated", "a", 4)]


async def test_a_removed_stream_is_named_by_the_anchor(scene, written, tamper, anchor_file):
    await anchor(scene, anchor_file)
    tamper("delete from log_entries where stream = 'b'")
    tamper("delete from log_streams where stream = 'b'")
    assert await findings(scene, anchor_file) == [("deleted", "b", 0)]


async def test_entries_whose_counter_was_removed_are_named(scene, written, tamper):
    tamper("delete from log_streams where stream = 'b'")
    assert [f[:2] for f in await findings(scene)] == [("unchained", "b")]


async def test_a_rewritten_chain_is_named_by_the_anchor_and_by_nothing_else(scene, written, rewrite, anchor_file):
    await anchor(scene, anchor_file)
    rewrite("a", 2, {"n": 99})
    assert await findings(scene) == []
    assert await findings(scene, anchor_file) == [("rewritten", "a", 5)]


async def test_a_later_anchor_of_a_rewritten_chain_does_not_hide_the_first(scene, written, rewrite, anchor_file):
    await anchor(scene, anchor_file)
    rewrite("a", 5, {"n": 99})
    await anchor(scene, anchor_file)  # as a restarted worker does
    assert await findings(scene, anchor_file) == [("rewritten", "a", 5)]


async def test_one_stream_can_be_verified_alone(scene, written, tamper):
    tamper("update log_entries set type = 'x' where stream = 'a' and seq = 1")
    assert await findings(scene, stream="b") == []
    assert await findings(scene, stream="a") == [("changed", "a", 1)]


async def test_an_anchor_writes_only_heads_that_moved(scene, written, anchor_file):
    keeper = Anchor(scene.pool, anchor_file)
    assert [await keeper.write(), await keeper.write()] == [2, 0]
    async with transaction(scene.pool) as conn:
        await log.append(conn, "a", [log.Entry("said", log.WORKER)])
    assert await keeper.write() == 1
    assert sorted(verify.read_anchors(anchor_file)["a"]) == [5, 6]


async def test_an_anchor_goes_by_the_databases_clock(scene, written, anchor_file, monkeypatch):
    class Ahead(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(hours=1)

    monkeypatch.setattr(anchors, "datetime", Ahead)
    keeper = Anchor(scene.pool, anchor_file)
    await keeper.write()
    async with transaction(scene.pool) as conn:
        await log.append(conn, "a", [log.Entry("said", log.WORKER)])
    assert await keeper.write() == 1


async def test_a_log_longer_than_a_page_is_verified_to_its_end(scene, tamper):
    async with transaction(scene.pool) as conn:
        await log.append(conn, "long", [log.Entry("said", log.WORKER, {"n": n}) for n in range(600)])
    assert await findings(scene) == []
    tamper("update log_entries set type = 'x' where stream = 'long' and seq = 599")
    assert await findings(scene) == [("changed", "long", 599)]
