"""Whether Kafka answers and has our topics: for the bridge's /ready, its metrics, and one clear line in the log."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from workflow_orchestration.bridge.config import Bus
from workflow_orchestration.bridge.metrics import BROKERS
from workflow_orchestration.bridge.sender import LIBRARY

_logger = structlog.get_logger(__name__)
_EVERY_SECONDS = 3.0
_ANSWER_SECONDS = 3.0
#: Answers about a topic; all else means that there was no answer.
_OF_A_TOPIC = {
    KafkaError.UNKNOWN_TOPIC_OR_PART: "is not there: create it",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "may not be seen: give our user the right to DESCRIBE it",
}


class Brokers:
    """Asks every few seconds; `reachable` is the last answer."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        #: What the library last said of the brokers: why a sign-in was refused, say.
        self._trouble = ""
        options: dict[str, Any] = {**bus.client, "error_cb": self._heard}
        self._admin = AdminClient(options, logger=LIBRARY)
        self._why: str | None = "not asked yet"

    @property
    def reachable(self) -> bool:
        return self._why is None

    async def watch(self) -> None:
        while True:
            self._note(await self._ask())
            await asyncio.sleep(_EVERY_SECONDS)

    def _heard(self, error: KafkaError) -> None:
        self._trouble = error.str()

    async def _ask(self) -> str | None:
        """What is wrong; None when all is well."""
        topics = TopicCollection(list(self._bus.topics))
        wrong = []
        for name, answer in self._admin.describe_topics(topics, request_timeout=_ANSWER_SECONDS).items():
            try:
                await asyncio.wrap_future(answer)
            except KafkaException as error:
                why = _OF_A_TOPIC.get(error.args[0].code())
                if why is None:
                    self._admin.poll(0)  # brings what the library has to say
                    cause = self._trouble or error.args[0].str()
                    return f"KAFKA_BOOTSTRAP_SERVERS: {self._bus.servers} does not answer ({cause})"
                wrong.append(f"topic {name} {why}")
        return "; ".join(wrong) or None

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
