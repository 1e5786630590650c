"""Sends records to Kafka: in order, acknowledged by every in-sync replica, or it says that they were not."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from workflow_orchestration.bridge.events import Outgoing

#: The client library's own lines: its threads speak through it.
LIBRARY = logging.getLogger("kafka")
_SLICE_SECONDS = 0.2
_QUIET_SECONDS = 60.0
OPTIONS: dict[str, Any] = {
    "acks": "all",
    "enable.idempotence": True,
    "linger.ms": 2,
    # records larger than a topic's limit are the broker's to refuse, and ours to name
    "message.max.bytes": 16_000_000,
    # Java's clients place a key by this hash too
    "partitioner": "murmur2_random",
    # the library would otherwise give up on one record and go on with those behind it; we end the whole batch
    "message.timeout.ms": 0,
}


class _Seldom(logging.Filter):
    """The library tells each of its many tries to connect; a line is let through once a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        what = record.getMessage().split(" (after ")[0]
        now = time.monotonic()
        # that gapless sending is "experimental" is known, and told for each producer
        if what.startswith("CONFWARN") or now - self._told.get(what, -_QUIET_SECONDS) < _QUIET_SECONDS:
            return False
        self._told = {text: at for text, at in self._told.items() if now - at < _QUIET_SECONDS} | {what: now}
        return True


LIBRARY.addFilter(_Seldom())


class Undelivered(Exception):  # noqa: N818 - says what is the case
    """Kafka did not acknowledge a batch; how much of it arrived is unknown."""

    def __init__(self, detail: str, code: int | None = None) -> None:
        super().__init__(detail)
        #: Kafka's code of the first refused record; None when there was no answer in time.
        self.code = code

    @property
    def too_large(self) -> bool:
        return self.code == KafkaError.MSG_SIZE_TOO_LARGE


class Sender:
    """One producer. After Undelivered make a new one: what this one still holds must not leave behind newer records.

    `in_order`: a refused record stops all that follow it, so that a later one never arrives before it.
    """

    def __init__(self, client: dict[str, Any], *, in_order: bool) -> None:
        options = {**client, **OPTIONS, "enable.gapless.guarantee": in_order}
        self._producer = Producer(options, logger=LIBRARY)
        self._closing = threading.Event()

    async def send(self, topic: str, records: Sequence[Outgoing], *, seconds: float) -> None:
        """Send them all, in this order; Undelivered unless every one is acknowledged in time."""
        await asyncio.to_thread(self._send, topic, records, seconds)

    def give_up(self) -> None:
        """Let a batch that is under way end as Undelivered."""
        self._closing.set()

    async def close(self) -> None:
        """Drop what is not acknowledged yet, and every thread of the library."""
        self._closing.set()
        await asyncio.to_thread(self._close)

    def _send(self, topic: str, records: Sequence[Outgoing], seconds: float) -> None:
        refused: list[KafkaError] = []

        def acknowledged(error: KafkaError | None, _record: Message[Any, Any]) -> None:
            if error is not None:
                refused.append(error)

        try:
            for record in records:
                self._producer.produce(
                    topic, record.value, record.key, headers=list(record.headers), on_delivery=acknowledged
                )
        except (KafkaException, BufferError) as error:
            refused.append(error.args[0] if isinstance(error, KafkaException) else KafkaError(KafkaError._QUEUE_FULL))
        until = time.monotonic() + seconds
        while (left := self._producer.flush(_SLICE_SECONDS)) and not refused:
            if self._closing.is_set() or time.monotonic() > until:
                raise Undelivered(f"{left} of {len(records)} records for {topic} were not acknowledged in time")
        if refused:
            raise Undelivered(f"{topic}: {refused[0]}", refused[0].code())

    def _close(self) -> None:
        self._producer.purge()
        self._producer.flush(_SLICE_SECONDS)
