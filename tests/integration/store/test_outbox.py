"""How the log is found and counted for sending: nothing left out, each stream in order, whatever commits when."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.store.scene import connect
from workflow_orchestration.store import db, log, outbox
from workflow_orchestration.store.db import transaction


async def _append(conn, stream: str, count: int = 1) -> None:
    await log.append(conn, stream, [log.Entry("t", log.WORKER) for _ in range(count)])


async def _pass(conn, *, limit: int = 100) -> list[tuple[str, int]]:
    """What a leader does with one page, as (stream, number)."""
    [row] = await db.rows(conn, "select coalesce((select xid from outbox_horizon), '0')::text as xid")
    page = await outbox.unsent(conn, row["xid"], limit=limit)
    if page.entries:
        await outbox.sent(conn, page.entries)
    await outbox.advance(conn, page.horizon)
    return [(e["stream"], e["seq"]) for e in page.entries]


async def _passes(conn, *, limit: int) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    while some := await _pass(conn, limit=limit):
        found += some
    return found


@pytest.fixture
async def conn(pool):
    async with pool.connection() as found:
        yield found


async def test_every_entry_is_found_once_in_the_order_of_its_stream(pool, conn):
    for stream, count in (("a", 3), ("b", 1), ("a", 2)):
        async with transaction(pool) as writer:
            await _append(writer, stream, count)
    found = await _passes(conn, limit=2)
    assert [s for s in found if s[0] == "a"] == [("a", n) for n in range(1, 6)]
    assert [s for s in found if s[0] == "b"] == [("b", 1)]
    assert await _pass(conn) == []


async def test_an_entry_that_commits_late_is_found_when_it_does(pool, conn, database):
    async with await connect(database.worker) as slow:
        async with slow.transaction():
            await _append(slow, "slow")
            async with transaction(pool) as writer:
                await _append(writer, "quick")
            assert await _pass(conn) == [("quick", 1)]
            assert await _pass(conn) == []
        assert await _pass(conn) == [("slow", 1)]


async def test_a_transaction_that_began_early_and_appended_late_keeps_its_stream_s_order(pool, conn, database):
    async with await connect(database.worker) as early, early.transaction():
        await early.execute("select pg_current_xact_id()")
        async with transaction(pool) as writer:
            await _append(writer, "s")
        await _append(early, "s")
    assert await _passes(conn, limit=1) == [("s", 1), ("s", 2)]


async def test_an_old_open_transaction_does_not_hold_back_what_others_commit(pool, conn, database):
    async with await connect(database.worker) as old, old.transaction():
        await _append(old, "old")
        for n in range(7):
            async with transaction(pool) as writer:
                await _append(writer, f"s{n}")
        assert len(await _passes(conn, limit=2)) == 7


async def test_what_a_restored_dump_brings_from_another_cluster_is_found_by_comparing(pool, conn, database):
    async with transaction(pool) as writer:
        await _append(writer, "restored", 3)
    async with await connect(database.owner) as owner:
        await owner.execute("update log_entries set xid = '4000000000'")
        await owner.execute("insert into outbox_horizon (xid) values ('5000000000')")
    before = await outbox.moment(conn)
    entries = await outbox.behind(conn, after="", limit=2)
    assert [e["seq"] for e in entries] == [1, 2]
    await outbox.sent(conn, entries)
    assert [e["seq"] for e in await outbox.behind(conn, after="restored", limit=2)] == [3]
    await outbox.advance(conn, before)
    assert await _pass(conn) == []
    async with transaction(pool) as writer:
        await _append(writer, "new")
    assert await _pass(conn) == [("new", 1)]


async def test_only_one_session_leads_and_its_end_lets_another(conn, database):
    async with await connect(database.worker) as first:
        assert await outbox.lead(first)
        assert not await outbox.lead(conn)
    async with asyncio.timeout(5), await connect(database.worker) as second:
        while not await outbox.lead(second):  # the server notices the end a moment later
            await asyncio.sleep(0.02)


async def test_the_age_is_that_of_the_oldest_unsent_entry(pool, conn):
    assert await outbox.age(conn) == 0
    async with transaction(pool) as writer:
        await _append(writer, "s")
    assert 0 < await outbox.age(conn) < 5
    await _pass(conn)
    assert await outbox.age(conn) == 0


#: Writers that begin (and so get their transaction's id) in one order, append in another, commit in a third.
_STEPS = st.lists(st.tuples(st.sampled_from(["begin", "append", "commit", "send"]), st.integers(0, 3),
                            st.sampled_from("ab")), max_size=25)  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS, limit=st.integers(1, 3))
async def test_whatever_the_order_of_begins_appends_and_commits_nothing_is_left_out(database, steps, limit):
    found: list[tuple[str, int]] = []
    writers = [await connect(database.worker) for _ in range(4)]
    reader = await connect(database.worker)
    open_, held = set(), {}
    try:
        for what, n, stream in steps:
            match what:
                case "begin" if n not in open_:
                    await writers[n].execute("begin")
                    await writers[n].execute("select pg_current_xact_id()")
                    open_.add(n)
                case "append" if n in open_ and held.get(stream, n) == n:  # a second writer would wait
                    await _append(writers[n], stream)
                    held[stream] = n
                case "commit" if n in open_:
                    await writers[n].execute("commit")
                    open_.discard(n)
                    held = {s: w for s, w in held.items() if w != n}
                case "send":
                    found += await _pass(reader, limit=limit)
        for n in open_:
            await writers[n].execute("commit")
        found += await _passes(reader, limit=limit)
        for stream in "ab":
            last = (await log.newest(reader, [stream])).get(stream, 0)
            assert [seq for s, seq in found if s == stream] == list(range(1, last + 1))
    finally:
        for connection in [*writers, reader]:
            await connection.close()
        await _empty(database)


async def _empty(database) -> None:
    async with await connect(database.owner) as owner:
        await owner.execute("delete from log_entries; delete from log_streams; delete from outbox_streams; "
                            "delete from outbox_horizon")  # fmt: skip
