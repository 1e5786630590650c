"""Is the database reachable, and its schema what this code needs? Asked at most once a second."""

from __future__ import annotations

import asyncio
import time

import psycopg

from workflow_orchestration.store import schema
from workflow_orchestration.store.db import Pool

_FRESH_SECONDS = 1.0
_PATIENCE_SECONDS = 2.0


class Readiness:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._needed = schema.needed()
        self._asked_at = float("-inf")
        self._ready = False
        self._lock = asyncio.Lock()

    async def ready(self) -> bool:
        async with self._lock:
            if time.monotonic() - self._asked_at >= _FRESH_SECONDS:
                self._ready = await self._ask()
                self._asked_at = time.monotonic()
        return self._ready

    async def _ask(self) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS), self._pool.connection(timeout=_PATIENCE_SECONDS) as conn:
                return await schema.current(conn) >= self._needed
        except (psycopg.Error, TimeoutError):
            return False
