"""A record's place counts together with its content."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from workflow_orchestration.domain.canonical import sha256
from workflow_orchestration.store import inbox
from workflow_orchestration.store.inbox import Place, Seen, Taken

PLACE = Place("t", 0, 7, sha256(b"one"))
MADE_ANEW = replace(PLACE, sha256=sha256(b"two"))


@pytest.fixture
async def conn(pool):
    async with pool.connection() as found:
        yield found


async def test_a_record_is_taken_once_it_was_written_down(conn):
    assert await inbox.seen(conn, [PLACE]) == [Seen(False, None)]
    await inbox.take(conn, [Taken(PLACE, "refused", reason="r")])
    assert await inbox.seen(conn, [replace(PLACE, position=8), PLACE]) == [Seen(False, None), Seen(True, None)]


async def test_the_same_place_with_other_content_was_not_taken(conn):
    await inbox.take(conn, [Taken(PLACE, "refused", reason="r")])
    assert await inbox.seen(conn, [MADE_ANEW]) == [Seen(False, None)]
    await inbox.take(conn, [Taken(MADE_ANEW, "refused", reason="s")])
    assert await inbox.seen(conn, [MADE_ANEW]) == [Seen(True, None)]


async def test_taking_a_record_twice_keeps_what_came_of_it_first(conn, scene):
    await inbox.take(conn, [Taken(PLACE, "refused", reason="first")])
    await inbox.take(conn, [Taken(PLACE, "refused", reason="second")])
    assert [r["reason"] for r in await scene.sql("select reason from inbox_records")] == ["first"]


async def test_a_record_without_message_or_reason_is_refused_by_the_schema(conn):
    with pytest.raises(psycopg.errors.CheckViolation):
        await inbox.take(conn, [Taken(PLACE, "accepted")])
