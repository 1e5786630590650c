"""The log: one chain a stream, in commit order, whoever writes; nobody but the owner can change it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.integration.store.scene import connect
from workflow_orchestration.domain.canonical import sha256
from workflow_orchestration.store import log, verify
from workflow_orchestration.store.db import make_pool, retrying, transaction

STREAM = "system"
START, END = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def entry(name: str, **more) -> log.Entry:
    return log.Entry(name, log.WORKER, more)


async def append(pool, stream, *entries):
    async with transaction(pool) as conn:
        return await log.append(conn, stream, entries)


async def period(conn, start=START, end=END):
    return (await log.period_page(conn, start, end))[0]


async def holds(conn, count):
    return len(await period(conn)) == count


async def eventually(look):
    """Other databases of this server have open transactions too: for a moment they hold an export back."""
    async with asyncio.timeout(40):
        while True:
            if found := await look():
                return found
            await asyncio.sleep(0.02)


def node_entry(epoch: int, n: int = 0, task: str = "task") -> log.Entry:
    return log.Entry(
        "node.said", log.WORKER, run_id="0190c0de-0000-7000-8000-000000000001", task_id=task, epoch=epoch, n=n
    )


async def test_appends_of_two_roles_at_once_leave_no_gap_no_repeat_and_one_valid_chain(scene, database):
    async with make_pool(database.api, size=4, name="api") as api:
        jobs = [
            retrying(pool, lambda c, n=n: log.append(c, STREAM, [entry("a", n=n), entry("b", n=n)]))
            for n in range(30)
            for pool in (api, scene.pool)
        ]
        await asyncio.gather(*jobs)
    found = await scene.entries(STREAM)
    assert [e["seq"] for e in found] == list(range(1, 121))
    assert [e["type"] for e in found] == ["a", "b"] * 60
    assert [e["at"] for e in found] == sorted(e["at"] for e in found)
    async with scene.pool.connection() as conn:
        assert (await verify.verify(conn, {})).valid


async def test_an_entry_carries_the_hash_of_the_one_before_it(scene):
    await append(scene.pool, STREAM, entry("a"), entry("b"))
    await append(scene.pool, STREAM, entry("c"))
    found = await scene.entries(STREAM)
    assert [e["prev"] for e in found] == ["", found[0]["hash"], found[1]["hash"]]
    assert len({e["hash"] for e in found}) == 3


async def test_what_is_rolled_back_takes_no_number(scene):
    async def fail(conn):
        await log.append(conn, STREAM, [entry("lost")])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await retrying(scene.pool, fail)
    assert await append(scene.pool, STREAM, entry("kept")) == 1


async def test_a_replayed_nodes_entries_supersede_those_of_its_earlier_epoch(scene):
    await append(scene.pool, STREAM, node_entry(1, 0), node_entry(1, 1), node_entry(1, task="other"))
    await append(scene.pool, STREAM, node_entry(3, 0))
    marks = [(e["task_id"], e["epoch"], e["superseded"]) for e in await scene.entries(STREAM)]
    assert marks == [("task", 1, True), ("task", 1, True), ("other", 1, False), ("task", 3, False)]


async def test_an_entry_of_a_node_is_written_once_an_epoch(scene):
    await append(scene.pool, STREAM, node_entry(1))
    with pytest.raises(psycopg.errors.UniqueViolation):
        await append(scene.pool, STREAM, node_entry(1))


async def test_reading_goes_on_strictly_after_a_number(scene):
    await append(scene.pool, STREAM, *[entry("a", n=n) for n in range(5)])
    async with scene.pool.connection() as conn:
        assert [e["seq"] for e in await log.read(conn, STREAM, after=3)] == [4, 5]
        assert [e["seq"] for e in await log.read(conn, STREAM, after=1, limit=2)] == [2, 3]


async def test_an_export_stops_at_the_oldest_transaction_still_open(scene, database):
    async with await connect(database.worker) as slow:
        await slow.execute("begin")
        await log.append(slow, "slow", [entry("slow")])
        await append(scene.pool, "fast", entry("fast"))
        async with scene.pool.connection() as conn:
            assert await period(conn) == []
            await slow.execute("commit")
            # other tests' transactions on this server may stand between the two for a moment
            assert await eventually(lambda: both(conn))


async def both(conn) -> bool:
    found = [e["stream"] for e in await period(conn)]
    assert found == ["slow", "fast"][: len(found)]  # never the later one alone
    return len(found) == 2


async def test_a_period_is_complete_only_when_all_who_began_before_its_end_have_ended(scene, database):
    async with await connect(database.worker) as slow, scene.pool.connection() as conn:
        await slow.execute("begin")
        await log.append(slow, "slow", [entry("slow")])
        mark = await log.horizon(conn, datetime.now(UTC))
        assert mark is not None
        await append(scene.pool, "fast", entry("fast"))
        assert not await log.passed(conn, mark)
        await slow.execute("commit")
        assert await eventually(lambda: log.passed(conn, mark))


async def test_a_period_that_has_not_ended_has_no_horizon(scene):
    async with scene.pool.connection() as conn:
        assert await log.horizon(conn, END) is None


async def test_an_export_is_read_page_by_page_without_gap_or_repeat(scene):
    for n in range(7):
        await append(scene.pool, f"s{n % 3}", entry("a", n=n))
    seen, after = [], None
    async with scene.pool.connection() as conn:
        await eventually(lambda: holds(conn, 7))
        while True:
            page, after = await log.period_page(conn, START, END, after=after, limit=3)
            seen += [e["data"]["n"] for e in page]
            if after is None:
                break
    assert seen == list(range(7))


async def test_entries_of_one_moment_are_read_page_by_page_by_their_number(scene):
    await append(scene.pool, STREAM, *[entry("a", n=n) for n in range(7)])
    seen, after = [], None
    async with scene.pool.connection() as conn:
        await eventually(lambda: holds(conn, 7))
        for _ in range(3):
            page, after = await log.period_page(conn, START, END, after=after, limit=3)
            seen += [e["data"]["n"] for e in page]
    assert (seen, after) == (list(range(7)), None)


@pytest.mark.parametrize("stream", ["0190c0de-0000-7000-8000-000000000001", STREAM])
async def test_an_export_holds_only_its_period(stream, scene):
    await append(scene.pool, stream, entry("a"))
    [at] = [e["at"] for e in await scene.entries(stream)]
    async with scene.pool.connection() as conn:
        await eventually(lambda: holds(conn, 1))
        assert len(await period(conn, at, at + timedelta(seconds=1))) == 1
        assert await period(conn, at - timedelta(seconds=1), at) == []


async def test_the_newest_numbers_of_many_streams_are_one_read(scene):
    await append(scene.pool, "x", entry("a"), entry("b"))
    async with scene.pool.connection() as conn:
        assert await log.newest(conn, ["x", "unknown", STREAM]) == {"x": 2, STREAM: 0}


async def test_an_entry_is_told_in_the_very_form_that_is_hashed(scene):
    await append(scene.pool, STREAM, entry("a", n=1), node_entry(1))
    for row in await scene.entries(STREAM):
        told = log.as_told(row)
        hashed = {name: value for name, value in told.items() if name not in ("hash", "superseded")}
        assert (told["hash"], told["superseded"]) == (sha256(hashed), False)
        assert told["hash"] == log.entry_hash(row) == row["hash"]


async def test_whether_an_entry_is_superseded_is_told_only_where_it_is_known(scene):
    await append(scene.pool, STREAM, entry("a"))
    async with scene.pool.connection() as conn:
        await eventually(lambda: holds(conn, 1))
        [row] = await period(conn)
    assert "superseded" not in log.as_told(row)


@pytest.mark.parametrize("role", ["api", "worker"])
@pytest.mark.parametrize(
    "statement",
    [
        "update log_entries set type = 'x'",
        "delete from log_entries",
        "truncate log_entries",
        "delete from log_streams",
        "truncate log_streams",
    ],
)
def test_no_role_but_the_owner_changes_or_removes_an_entry(statement, role, database):
    with psycopg.connect(getattr(database, role)) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute(statement)
