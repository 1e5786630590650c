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


#: What an owner may do to stream a, and the sentence that names it.
SENTENCES = {
    "delete from log_entries where stream = 'a' and seq in (2, 3)": "deleted: entries 2 to 3 are missing",
    "delete from log_entries where stream = 'a' and seq > 3": "truncated: entries 4 to 5 are gone",
    "update log_entries set prev = 'x' where stream = 'a' and seq = 3": (
        "unchained: it does not follow the entry before it"
    ),
    "update log_entries set type = 'x' where stream = 'a' and seq = 3": (
        "changed: its content (x) does not give its hash"
    ),
    "update log_streams set head = 'x' where stream = 'a'": "unchained: the stream's head is not its last entry's hash",
}


@pytest.mark.parametrize(("change", "sentence"), SENTENCES.items(), ids=SENTENCES.values())
async def test_each_finding_says_what_is_wrong_in_a_sentence(change, sentence, scene, written, tamper):
    tamper(change)
    async with scene.pool.connection() as conn:
        report = await verify.verify(conn, {})
    found = report.findings[0]
    assert f"{found.kind}: {found.detail}" == sentence


async def test_what_only_the_anchor_shows_is_said_in_a_sentence(scene, written, tamper):
    hashes = {e["seq"]: e["hash"] for e in await scene.entries("a")}
    anchored = {"a": {**hashes, 5: "sha256:other", 9: "sha256:later"}, "gone": {1: "sha256:x"}}
    async with scene.pool.connection() as conn:
        report = await verify.verify(conn, anchored)
    assert [(f.kind, f.seq, f.detail) for f in report.findings] == [
        ("rewritten", 5, "the chain is consistent, but the anchor saw another entry"),
        ("truncated", 6, "the anchor saw entry 9"),
        ("deleted", 0, "the anchor knows this stream; the database does not"),
    ]
    assert (report.valid, report.anchors) == (False, 7)


async def test_one_streams_report_counts_its_own_anchors_and_misses_no_other(scene, written):
    anchored = {"a": {1: (await scene.entries("a"))[0]["hash"]}, "b": {7: "sha256:x"}, "gone": {1: "sha256:x"}}
    async with scene.pool.connection() as conn:
        report = await verify.verify(conn, anchored, stream="a")
    assert report.as_dict() == {"valid": True, "streams": 1, "entries": 5, "anchors": 1, "findings": ()}


async def test_a_log_of_more_streams_than_a_page_is_verified_to_its_end(scene, tamper):
    async with transaction(scene.pool) as conn:
        for n in range(501):
            await log.append(conn, f"s{n:03}", [log.Entry("said", log.WORKER)])
    tamper("update log_entries set type = 'x' where stream = 's500'")
    async with scene.pool.connection() as conn:
        report = await verify.verify(conn, {})
    assert (report.streams, report.entries) == (501, 501)
    assert [(f.kind, f.stream) for f in report.findings] == [("changed", "s500")]


async def test_entries_whose_counter_was_removed_are_named_when_their_stream_is_asked_for(scene, written, tamper):
    tamper("delete from log_streams where stream = 'b'")
    assert [f[:2] for f in await findings(scene, stream="b")] == [("unchained", "b")]
    assert await findings(scene, stream="a") == []


def test_a_line_still_being_written_is_no_anchor_yet(tmp_path):
    file = tmp_path / "heads.jsonl"
    file.write_text('{"heads": {"a": [1, "x"]}}\n{"heads": {"a": [2, "y"], "b": [1, "z"]}}\n{"heads": {"a": [3')
    assert verify.read_anchors(file) == {"a": {1: "x", 2: "y"}, "b": {1: "z"}}
    assert verify.read_anchors(None) == {}
    assert verify.read_anchors(tmp_path / "none") == {}


async def test_the_log_of_a_case_is_verified_like_any_other(scene, tamper):
    case = "0190c0de-0000-7000-8000-000000000001"
    async with transaction(scene.pool) as conn:
        await log.append(conn, case, [log.Entry("said", log.WORKER)])
    tamper("update log_entries set type = 'x'")
    assert await findings(scene) == [("changed", case, 1)]


async def test_an_empty_stream_is_valid(scene):
    assert await findings(scene, stream="system") == []
