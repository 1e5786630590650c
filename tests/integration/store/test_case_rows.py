"""A case as its readers and its writers meet it: what a change says it changed, and whose entries a reader gets."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.store.scene import DESK, SUE, connect
from workflow_orchestration.domain.errors import NotFound
from workflow_orchestration.domain.roles import Principal, Role
from workflow_orchestration.store import cases
from workflow_orchestration.store.db import transaction

ELSEWHERE = Principal("u_bonds", frozenset({Role.REQUESTER}), frozenset({"bonds"}))


async def test_a_change_that_waited_for_another_begins_where_that_one_ended(scene, database):
    opened = await scene.open()
    first, second = await connect(database.worker), await connect(database.worker)
    async with first, second:
        async with first.transaction():
            _, of_first = await cases.update(first, opened.case, title="one")

            async def wait_and_change():
                async with second.transaction():
                    return await cases.update(second, opened.case, owner="two")

            waiting = asyncio.create_task(wait_and_change())
            async with asyncio.timeout(10):  # until the second stands behind the first
                while not await scene.sql("select 1 from pg_locks where not granted"):
                    await asyncio.sleep(0.01)
        after, of_second = await waiting
    assert of_second["before"] == of_first["after"] != of_first["before"]
    assert (after["title"], after["owner"]) == ("one", "two")
    assert of_second["after"] == cases.state_sha(await scene.case(opened.case))


async def test_a_change_of_no_case_says_so(scene):
    async with transaction(scene.pool) as conn:
        with pytest.raises(NotFound, match="there is no case"):
            await cases.update(conn, "01a22dcc-0000-7000-8000-000000000000", title="x")


async def test_a_reader_gets_the_entries_after_his_last_and_whether_the_case_is_open(scene):
    opened = await scene.open()
    async with transaction(scene.pool) as conn:
        await cases.change(conn, opened.case, SUE.actor(), "case.named", title="x")
        entries, is_open = await cases.followed(conn, opened.case, DESK, after=0, limit=10)
        later, _ = await cases.followed(conn, opened.case, DESK, after=1, limit=10)
        none, _ = await cases.followed(conn, opened.case, DESK, after=2, limit=10)
        one, _ = await cases.followed(conn, opened.case, DESK, after=0, limit=1)
    assert [e["type"] for e in entries] == ["case.opened", "case.named"]
    assert is_open
    assert [e["seq"] for e in later] == [2]
    assert none == []
    assert [e["seq"] for e in one] == [1]


async def test_another_desk_reads_no_entry(scene):
    opened = await scene.open()
    async with transaction(scene.pool) as conn:
        with pytest.raises(NotFound):
            await cases.followed(conn, opened.case, ELSEWHERE, after=0, limit=10)
