"""Migrations: numbered files, applied once, in order, by the owner.

Expand and contract: the previous release runs on the new schema, so an older migrator finds nothing to do. Two
at once: the second waits for the advisory lock in short tries (a blocking lock would deadlock with LangGraph's
CREATE INDEX CONCURRENTLY) and then finds nothing to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from workflow_orchestration.store import schema
from workflow_orchestration.store.db import Conn

_LOCK = 0x776F  # "wo"


async def migrate(url: str, say: Callable[[str], None] = lambda _line: None) -> int:
    """Bring the database of `url` (its owner's) up to date; returns how many migrations ran."""
    async with await AsyncConnection.connect(url, autocommit=True, row_factory=dict_row) as conn:
        await _lock(conn, say)
        await conn.execute(
            "create table if not exists schema_migrations (version int primary key, name text not "
            "null, applied_at timestamptz not null default now())"
        )
        await AsyncPostgresSaver(conn).setup()
        done = await schema.current(conn)
        pending = [(v, p) for v, p in schema.available() if v > done]
        for version, path in pending:
            say(f"applying {path.name}")
            async with conn.transaction():
                await conn.execute(path.read_text(encoding="utf-8"))
                await conn.execute(
                    "insert into schema_migrations (version, name) values (%s, %s)", (version, path.stem)
                )
        return len(pending)


async def _lock(conn: Conn, say: Callable[[str], None]) -> None:
    for waited in range(600):
        cursor = await conn.execute("select pg_try_advisory_lock(%s) as mine", (_LOCK,))
        row = await cursor.fetchone()
        if row and row["mine"]:
            return
        if waited % 50 == 0:
            say("another migration is running; waiting for it")
        await asyncio.sleep(0.1)
    raise TimeoutError("another migration held its lock for 60 s; look for a stuck `wo migrate`")
