"""Out: every log entry to the events topic, at least once, each case's in order.

One bridge at a time sends (a lock that lives as long as its database session); the others stand by. It reads entries
in the order of their stream, sends them, and only when Kafka has acknowledged them does it write down how far it is.
Killed anywhere, the next one begins at the last number written: some entries are sent again, none is left out, and
the first copies of a case stand in its order. A leader that lost its session without noticing may still send, but
only what its successor sends too: it cannot write down anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg
import structlog
from confluent_kafka import KafkaException
from psycopg_pool import PoolTimeout

from workflow_orchestration.bridge.config import Bus
from workflow_orchestration.bridge.events import event_of
from workflow_orchestration.bridge.metrics import EVENT_SECONDS, EVENTS, LEADS, OUTBOX_AGE
from workflow_orchestration.bridge.sender import Sender, Undelivered
from workflow_orchestration.store import outbox
from workflow_orchestration.store.db import Conn, Pool, Row

_logger = structlog.get_logger(__name__)
#: Entries read and sent together: what a bridge holds in memory of the log.
_PAGE = 200
#: Without a wake-up, how often the log is looked at.
_POLL_SECONDS = 1.0
#: Between two pages: wake-ups that come together are answered once; under load fewer, larger pages cost less.
_GATHER_SECONDS, _BUSY_SECONDS, _BUSY_ENTRIES = 0.02, 0.1, 10
#: The horizon is kept in memory; the written one makes the search for the oldest entry short.
_ADVANCE_SECONDS = 1.0
_STANDBY_SECONDS = 1.0
_AGE_SECONDS = 5.0
#: A leader that cannot deliver for so long lets another bridge try.
_GIVE_UP_SECONDS = 30.0


class Outbox:
    """Sends while it leads, and waits for its turn otherwise."""

    def __init__(self, pool: Pool, bus: Bus, woken: asyncio.Event) -> None:
        self._pool = pool
        self._bus = bus
        self._woken = woken
        self._stopping = asyncio.Event()
        self._sender: Sender | None = None
        self._advanced = 0.0

    def stop(self) -> None:
        self._stopping.set()
        self._woken.set()
        if self._sender is not None:
            self._sender.give_up()

    async def run(self) -> None:
        """Until `stop`: lead, or try to every second."""
        while not self._stopping.is_set():
            try:
                await self._term()
            except (psycopg.Error, PoolTimeout, KafkaException, Undelivered) as error:
                if self._stopping.is_set():
                    return
                _logger.warning("events are not sent; trying again", error=str(error) or type(error).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _STANDBY_SECONDS)

    async def watch_age(self) -> None:
        """Keep the age of the oldest unsent entry, whoever sends."""
        while True:
            try:
                async with self._pool.connection() as conn:
                    OUTBOX_AGE.set(await outbox.age(conn))
            except (psycopg.Error, PoolTimeout) as error:
                _logger.warning("the outbox's age is not known", error=str(error))
            await asyncio.sleep(_AGE_SECONDS)

    async def _term(self) -> None:
        """One session's leadership; returns at once when another bridge leads."""
        async with self._pool.connection() as conn:
            if not await outbox.lead(conn):
                return
            sender = self._sender = Sender(self._bus.client, in_order=True)
            LEADS.set(1)
            _logger.info("this bridge sends the events", topic=self._bus.events_topic)
            try:
                horizon = await self._catch_up(conn, sender)
                while not self._stopping.is_set():
                    horizon = await self._follow(conn, sender, horizon)
            finally:
                LEADS.set(0)
                await sender.close()
                await conn.close()  # the lock goes with the session

    async def _catch_up(self, conn: Conn, sender: Sender) -> str:
        """Compare every stream once, whatever was known before (a restored dump may lie); the horizon from then on."""
        horizon = await outbox.moment(conn)
        after = ""
        while entries := await outbox.behind(conn, after=after, limit=_PAGE):
            await self._send(conn, sender, entries)
            after = entries[-1]["stream"]
        return horizon

    async def _follow(self, conn: Conn, sender: Sender, horizon: str) -> str:
        """Send what is new; when nothing is, wait for a wake-up."""
        self._woken.clear()
        page = await outbox.unsent(conn, horizon, limit=_PAGE)
        if page.entries:
            await self._send(conn, sender, page.entries)
        if time.monotonic() - self._advanced > _ADVANCE_SECONDS:
            await outbox.advance(conn, page.horizon)
            self._advanced = time.monotonic()
        if not page.entries:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _POLL_SECONDS)
        if not page.full:
            await asyncio.sleep(_GATHER_SECONDS if len(page.entries) < _BUSY_ENTRIES else _BUSY_SECONDS)
        return page.horizon

    async def _send(self, conn: Conn, sender: Sender, entries: Sequence[Row]) -> None:
        if self._stopping.is_set():
            raise Undelivered("this bridge stops")
        await sender.send(self._bus.events_topic, [event_of(e) for e in entries], seconds=_GIVE_UP_SECONDS)
        await outbox.sent(conn, entries)
        EVENTS.inc(len(entries))
        now = datetime.now(UTC)
        for entry in entries:
            EVENT_SECONDS.observe(max(0.0, (now - entry["at"]).total_seconds()))
