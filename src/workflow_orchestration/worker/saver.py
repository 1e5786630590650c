"""LangGraph's PostgreSQL saver, fenced: a worker that lost its item cannot write a checkpoint.

Only `_cursor` is ours (a private hook; tests/integration/worker/test_saver.py holds its contract). The stock one
lets one operation at a time through per instance; ours takes a pool connection for each. Writes are one
transaction that starts with the fence; reads need none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from psycopg import AsyncCursor
from psycopg.rows import DictRow, dict_row

from workflow_orchestration.store import work
from workflow_orchestration.store.db import Pool
from workflow_orchestration.worker.lease import LEASE


class FencedSaver(AsyncPostgresSaver):
    """The saver of a worker; LEASE says for which item it writes."""

    def __init__(self, pool: Pool, state_types: Iterable[type[Any]]) -> None:
        allowed = [(t.__module__, t.__qualname__) for t in state_types]
        super().__init__(pool, serde=JsonPlusSerializer(allowed_msgpack_modules=allowed))
        self._pool = pool

    @asynccontextmanager
    async def _cursor(self, *, pipeline: bool = False) -> AsyncIterator[AsyncCursor[DictRow]]:
        async with self._pool.connection() as conn:
            if not pipeline:
                async with conn.cursor(binary=True, row_factory=dict_row) as cursor:
                    yield cursor
                return
            lease = LEASE.get()
            async with conn.transaction(), conn.pipeline(), conn.cursor(binary=True, row_factory=dict_row) as cursor:
                # asked first and read last: fence and writes are one round trip
                holds = await work.ask_fence(conn, lease.item_id, lease.epoch)
                yield cursor
                await holds()
