"""The bridge process: a member of the consumer group, and perhaps the one that sends the log.

SIGTERM: not ready, records in hand are left to the next owner, what is done is committed, the group is left.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from workflow_orchestration import process_log
from workflow_orchestration.bridge import config
from workflow_orchestration.bridge.brokers import Brokers
from workflow_orchestration.bridge.dead_letters import DeadLetters
from workflow_orchestration.bridge.inbound import Inbound
from workflow_orchestration.bridge.outbound import Outbox
from workflow_orchestration.probes import Probes
from workflow_orchestration.settings import Settings
from workflow_orchestration.store import schema
from workflow_orchestration.store.db import make_pool
from workflow_orchestration.store.notify import WORK, Listener, Notifier

_logger = structlog.get_logger(__name__)
_SCHEMA_SECONDS = 0.5
#: Connections beside those for taking records: the sender's session, wake-ups, probes.
_OTHERS = 3


class Bridge:
    """Everything of one process; made inside the running loop."""

    def __init__(self, settings: Settings) -> None:
        url = settings.database_url.get_secret_value()
        self._settings = settings
        self._bus = config.of(settings)
        self._pool = make_pool(url, size=settings.database_pool_size, name="wo-bridge")
        # sending, wake-ups and probes never queue behind the records
        self._side_pool = make_pool(url, size=_OTHERS, name="wo-bridge-side")
        self._notifier = Notifier(self._side_pool)
        woken = asyncio.Event()
        self._listener = Listener(url, lambda _word: woken.set())
        self._brokers = Brokers(self._bus)
        self._letters = DeadLetters(self._bus)
        self._outbox = Outbox(self._side_pool, self._bus, woken)
        self._inbound = Inbound(self._pool, self._bus, self._letters, max_bytes=settings.message_max_bytes,
                                at_once=settings.database_pool_size,
                                woke=lambda *streams: self._notifier.wake(WORK, *streams))  # fmt: skip
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()
        self._inbound.stop()
        self._outbox.stop()

    async def run(self) -> None:
        """Bridge until `stop`; an error that nothing can wait for ends the process, and its supervisor restarts it."""
        probes = Probes(self._settings.api_host, self._settings.metrics_port, self._is_ready)
        async with self._pool, self._side_pool, probes.serving(), asyncio.TaskGroup() as group:
            helpers = [group.create_task(job) for job in self._helpers()]
            try:
                await self._wait_for_schema()
                async with asyncio.TaskGroup() as work:
                    work.create_task(self._outbox.run())
                    if self._bus.message_topics:
                        work.create_task(self._inbound.run())
            finally:
                for helper in helpers:
                    helper.cancel()
                await self._letters.close()

    def _helpers(self) -> list[Coroutine[Any, Any, None]]:
        return [self._notifier.run(), self._listener.run(), self._brokers.watch(), self._outbox.watch_age()]

    async def _is_ready(self) -> bool:
        return not self._stopping.is_set() and self._brokers.reachable and await self._schema_is_there()

    async def _schema_is_there(self) -> bool:
        async with asyncio.timeout(2), self._side_pool.connection() as conn:
            return await schema.current(conn) >= schema.needed()

    async def _wait_for_schema(self) -> None:
        said = False
        while not self._stopping.is_set():
            try:
                if await self._schema_is_there():
                    return
                why = "the schema is older than this code: run `wo migrate`"
            except (psycopg.Error, PoolTimeout, TimeoutError) as error:
                why = f"the database cannot be reached: {str(error) or type(error).__name__}"
            if not said:
                _logger.warning("waiting", why=why)
                said = True
            await asyncio.sleep(_SCHEMA_SECONDS)


async def serve(settings: Settings) -> None:
    """Run a bridge until SIGTERM or SIGINT."""
    process_log.configure(settings)
    bridge = Bridge(settings)
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, bridge.stop)
    _logger.info("bridge starts", servers=settings.kafka_bootstrap_servers, topics=settings.kafka_message_topics)
    await bridge.run()
    _logger.info("bridge ended")
