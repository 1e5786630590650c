"""Whether Kafka answers and has our topics: for the bridge's /ready, its metrics, and one clear line in the log."""

from __future__ import annotations

import asyncio

import structlog
from confluent_kafka import KafkaException

from workflow_orchestration.bridge.config import Bus
from workflow_orchestration.bridge.metrics import BROKERS
from workflow_orchestration.bridge.sender import Sender

_logger = structlog.get_logger(__name__)
_EVERY_SECONDS = 3.0
_ANSWER_SECONDS = 3.0


class Brokers:
    """Asks every few seconds; `reachable` is the last answer."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._sender = Sender(bus.client, in_order=False)
        self._why: str | None = "not asked yet"

    @property
    def reachable(self) -> bool:
        return self._why is None

    async def watch(self) -> None:
        while True:
            self._note(await self._ask())
            await asyncio.sleep(_EVERY_SECONDS)

    async def close(self) -> None:
        await self._sender.close()

    async def _ask(self) -> str | None:
        """What is wrong; None when all is well."""
        try:
            found = await self._sender.topics(self._bus.topics, seconds=_ANSWER_SECONDS)
        except KafkaException as error:
            cause = self._sender.trouble or error.args[0].str()
            return f"KAFKA_BOOTSTRAP_SERVERS: {self._bus.servers} does not answer ({cause})"
        wrong = [f"{name}: {why}" for name, why in found.items() if why is not None]
        return f"topics cannot be used: {'; '.join(wrong)}" if wrong else None

    def _note(self, why: str | None) -> None:
        BROKERS.set(why is None)
        if why == self._why:
            return
        self._why = why
        if why is None:
            _logger.info("Kafka answers", servers=self._bus.servers)
        else:
            _logger.error("Kafka cannot be used; nothing is lost, it is tried again", why=why,
                          fix="See docs/howto/kafka.md: addresses, credentials, topics, ACLs.")  # fmt: skip
