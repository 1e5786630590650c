"""Connections and SQL. Functions of `store/` take a connection and never commit: who opens a transaction ends it.

SQL lives in `<aggregate>.sql` beside `<aggregate>.py`, as named blocks (`-- name: claim`); `queries(__file__)`
reads them once.
"""

from __future__ import annotations

import asyncio
import random
import re
import select
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from psycopg import AsyncConnection, errors
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool
from uuid_utils.compat import uuid7

from workflow_orchestration.domain.canonical import canonical

Conn = AsyncConnection[DictRow]
Pool = AsyncConnectionPool[Conn]
Row = dict[str, Any]
T = TypeVar("T")


class RacedError(Exception):
    """Another transaction was faster; this one must look again from its start."""


#: Failures of a transaction that a new try can cure: nothing of it was kept. The last one is what a process finds
#: that was frozen inside its transaction.
TRANSIENT = (
    RacedError,
    errors.DeadlockDetected,
    errors.LockNotAvailable,
    errors.SerializationFailure,
    errors.IdleInTransactionSessionTimeout,
)
_TRIES = 6

#: A transaction that waits or idles longer than this holds locks others need: end it and let it be tried again.
SESSION = {"lock_timeout": "2s", "idle_in_transaction_session_timeout": "5s", "timezone": "UTC"}


def new_id() -> str:
    """A time-ordered id: rows of one day lie together in the index."""
    return str(uuid7())


def queries(module_file: str) -> Mapping[str, str]:
    """Named blocks of the `.sql` file beside a module."""
    text = Path(module_file).with_suffix(".sql").read_text(encoding="utf-8")
    parts = re.split(r"^-- name: (\w+).*$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], (p.strip() for p in parts[2::2]), strict=True))


#: A connection that worked this short a while ago is not asked again.
_TRUSTED_SECONDS = 5.0


class _Connection(AsyncConnection[DictRow]):
    """Knows when it was last asked whether it works, and ends with a use that was cancelled.

    psycopg cancels the query and hands the connection back. Of thousands, a few then still had an answer on its way,
    and gave each later question the answer to the one before: a soak saw items run twice under one lease.
    """

    asked_at = float("-inf")

    async def wait(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return await super().wait(*args, **kwargs)
        except asyncio.CancelledError:
            self.pgconn.finish()
            raise


async def _check(conn: Conn) -> None:
    """Before each use: ask the server after a while, or when it has sent something nobody asked for - its goodbye.

    To ask every time would be a third of all round trips.
    """
    assert isinstance(conn, _Connection)
    now = time.monotonic()
    if now - conn.asked_at > _TRUSTED_SECONDS or _has_unread(conn.fileno()):
        await AsyncConnectionPool.check_connection(conn)
        conn.asked_at = now


def _has_unread(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def make_pool(url: str, *, size: int, name: str) -> Pool:
    """A closed pool; `async with` opens it. Autocommit: a transaction is always written out as one.

    Reconnecting is given up soon and begun anew by the next caller: the pool's own retries back off to minutes.
    """
    options = " ".join(f"-c {k}={v}" for k, v in SESSION.items())
    return AsyncConnectionPool(
        url,
        min_size=1,
        max_size=size,
        open=False,
        timeout=5,
        max_idle=300,
        max_lifetime=1800,
        name=name,
        reconnect_timeout=1,
        check=_check,
        connection_class=_Connection,
        kwargs={"autocommit": True, "row_factory": dict_row, "options": options, "application_name": name},
    )


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Conn]:
    async with pool.connection() as conn, conn.transaction():
        yield conn


async def one(conn: Conn, sql: str, params: Mapping[str, Any] | None = None) -> Row | None:
    cursor = await conn.execute(sql, params)
    return await cursor.fetchone()


async def rows(conn: Conn, sql: str, params: Mapping[str, Any] | None = None) -> list[Row]:
    cursor = await conn.execute(sql, params)
    return await cursor.fetchall()


def jsonb(value: Any) -> Jsonb:
    """A value as jsonb, in canonical form: what is hashed and what is stored are the same."""
    return Jsonb(value, dumps=canonical)


async def retrying(pool: Pool, work: Callable[[Conn], Awaitable[T]]) -> T:
    """Run a transaction, and again when it lost a race; the last failure is the caller's to tell."""
    for tried in range(_TRIES):
        try:
            async with transaction(pool) as conn:
                return await work(conn)
        except TRANSIENT:
            if tried == _TRIES - 1:
                raise
            await asyncio.sleep(random.uniform(0.005, 0.05) * (tried + 1))  # noqa: S311 - jitter, not a secret
    raise AssertionError("unreachable")
