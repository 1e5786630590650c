"""PostgreSQL dies in the middle of everything, and comes back."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator

import pytest

from ci.local import story
from ci.local.killing import Workers
from ci.local.postgres import WORKER, Server
from tests.conftest import ROOT
from workflow_orchestration.store.db import make_pool


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A server of this test's own: the shared one must live. (pytest's folders are closed to its system account.)"""
    folder = ROOT / ".state" / f"own-postgres-{os.getpid()}"
    server = Server(folder)
    yield server
    server.stop()
    shutil.rmtree(folder)


async def test_a_database_killed_in_mid_work_and_restarted_loses_nothing(own_server, tmp_path):
    name = await asyncio.to_thread(own_server.migrated, "killed")
    url = own_server.url(WORKER, name)
    await story.load_book(url)
    workers = Workers(story.worker_settings(url, tmp_path))
    workers.start()
    async with make_pool(url, size=3, name="test") as pool:
        player = story.Player(pool, workers)
        try:
            case_id = await player._post(story.sample("mt548-nmat-dmon-WO-1002"))
            await asyncio.to_thread(own_server.crash_and_restart)
            await _until_back(pool)
            approval = await player._wait(lambda conn: player._pending(conn, case_id))
            for person in (story._ANN, story._BEN):
                await player._decide(approval, person)
            await asyncio.to_thread(own_server.crash_and_restart)
            await _until_back(pool)
            await player._wait(lambda conn: player._delivered(conn, case_id, 1))
        finally:
            await workers.stop()
    assert len(story._files(tmp_path / "outbox")) == 1
    assert workers.deaths == 0


async def _until_back(pool) -> None:
    """The pool throws dead connections away on use."""
    import psycopg

    for _ in range(20):
        try:
            async with pool.connection() as conn:
                await conn.execute("select 1")
                return
        except psycopg.Error:
            await asyncio.sleep(0.1)
    raise AssertionError("the database did not come back")
