"""Pooled connections: what is asked of them before each use, what every session is set to, how many there may be."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from tests.integration.store.scene import connect
from workflow_orchestration.domain.canonical import plain
from workflow_orchestration.store import db
from workflow_orchestration.store.db import jsonb, make_pool


@pytest.fixture
async def single(database):
    async with make_pool(database.worker, size=1, name="wo-test") as opened:
        yield opened


async def pid_of(pool):
    async with pool.connection() as conn:
        return conn.info.backend_pid


async def value(pool, statement):
    async with pool.connection() as conn:
        cursor = await conn.execute(statement)
        [found] = (await cursor.fetchone()).values()
        return found


async def test_a_connection_is_asked_whether_it_works_only_after_a_while(single, monkeypatch):
    asked, clock = [], SimpleNamespace(now=1000.0)
    stock = AsyncConnectionPool.check_connection

    async def check(conn):
        asked.append(clock.now)
        await stock(conn)

    monkeypatch.setattr(AsyncConnectionPool, "check_connection", staticmethod(check))
    monkeypatch.setattr(db, "time", SimpleNamespace(monotonic=lambda: clock.now))
    for seconds in (0, 0, 5, 0.1, 5, 0.1):
        clock.now += seconds
        await pid_of(single)
    assert asked == [1000.0, 1005.1, 1010.2]


async def test_a_connection_that_the_server_has_ended_is_not_given_out(single, database):
    first = await pid_of(single)
    async with await connect(database.worker) as other:
        await other.execute("select pg_terminate_backend(%s)", (first,))
    await asyncio.sleep(0.1)  # its goodbye is on the way
    assert await value(single, "select 1") == 1
    assert await pid_of(single) != first


async def test_a_connection_whose_use_was_cancelled_is_not_given_out(single, database):
    first = await pid_of(single)
    asking = asyncio.create_task(value(single, "select pg_sleep(60)"))
    async with await connect(database.worker) as other:
        await until_it_waits_for(other, first, "PgSleep")
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await pid_of(single) != first
        await until_it_waits_for(other, first, "its end")  # nothing of it runs on, nor holds a lock


async def until_it_waits_for(other, pid, event):
    """By PostgreSQL's word; a session that is no more waits for "its end"."""
    asked = "select coalesce(max(coalesce(wait_event, '')), 'its end') as event from pg_stat_activity where pid = %s"
    async with asyncio.timeout(5):
        while (await (await other.execute(asked, (pid,))).fetchone())["event"] != event:
            await asyncio.sleep(0.01)


async def test_every_session_has_our_time_zone_and_says_whose_it_is(single):
    assert await value(single, "show timezone") == "UTC"
    assert await value(single, "select application_name from pg_stat_activity where pid = pg_backend_pid()") == (
        "wo-test"
    )


async def test_what_is_not_in_a_transaction_is_committed_at_once(single, database):
    async with single.connection() as conn:
        await conn.execute("insert into log_streams (stream) values ('said')")
        async with await connect(database.worker) as other:
            cursor = await other.execute("select 1 from log_streams where stream = 'said'")
            assert await cursor.fetchone() is not None


async def test_what_is_stored_as_jsonb_is_what_is_hashed(single):
    value = {"b": Decimal("1.50"), "a": datetime(2026, 11, 24, tzinfo=UTC), "c": {"z", "y"}}
    async with single.connection() as conn:
        cursor = await conn.execute("select %(v)s as stored", {"v": jsonb(value)})
        assert (await cursor.fetchone())["stored"] == plain(value)


async def test_no_more_connections_are_opened_than_the_pool_may_have(single):
    async with single.connection():
        with pytest.raises(PoolTimeout):
            await single.getconn(timeout=0.1)
