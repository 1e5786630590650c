"""The dead-letter topic: what could not be read, as it came, with the reason in its headers."""

from __future__ import annotations

import asyncio

import structlog

from workflow_orchestration.bridge.config import Bus
from workflow_orchestration.bridge.events import Outgoing
from workflow_orchestration.bridge.records import Record
from workflow_orchestration.bridge.sender import Sender, Undelivered
from workflow_orchestration.domain.errors import PlatformError

_logger = structlog.get_logger(__name__)

PREFIX = "wo-"
TOPIC, REASON, DETAIL, REPLAYS = "wo-topic", "wo-reason", "wo-detail", "wo-replays"
_LONGEST = 2000
_TRY_SECONDS = 10.0
_PAUSE_SECONDS = 1.0


class DeadLetters:
    """Puts refused records aside. A record may lie there twice after a crash, never not at all."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._sender = self._new()
        self._one_at_a_time = asyncio.Lock()

    async def put(self, record: Record, why: PlatformError) -> None:
        """Returns once Kafka has acknowledged the letter, however long that takes."""
        letter = dead_letter(record, why)
        while True:
            async with self._one_at_a_time:
                try:
                    return await self._sender.send(self._bus.dead_letter_topic, [letter], seconds=_TRY_SECONDS)
                except Undelivered as error:
                    _logger.warning("a record cannot be dead-lettered; trying again", error=str(error))
                    if error.too_large:
                        letter = dead_letter(record, why, with_value=False)
                    await self._sender.close()
                    self._sender = self._new()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def close(self) -> None:
        await self._sender.close()

    def _new(self) -> Sender:
        return Sender(self._bus.client, in_order=False)


def dead_letter(record: Record, why: PlatformError, *, with_value: bool = True) -> Outgoing:
    """The record for the dead-letter topic. Without its value only where the topic takes none so large: then it is
    to be had at the place that the headers name, while its topic keeps it."""
    said = {
        "reason": type(why).__name__,
        "detail": why.detail[:_LONGEST],
        "fix": why.fix,
        "line": why.extra.get("line"),
        "tag": why.extra.get("tag"),
        "topic": record.place.topic,
        "partition": record.place.partition,
        "offset": record.place.position,
        "timestamp": record.timestamp,
        "sha256": record.place.sha256,
        "omitted": None if with_value else len(record.value or b""),
    }
    ours = [(PREFIX + name, str(value).encode()) for name, value in said.items() if value is not None]
    return Outgoing(record.key, record.value if with_value else None, [*_theirs(record), *ours])


def replay(record: Record) -> tuple[str, Outgoing]:
    """The topic that a dead letter came from, and the record to send there again."""
    headers = dict(record.headers)
    count = int(headers.get(REPLAYS, b"0")) + 1
    kept = [(name, value) for name, value in record.headers if not name.startswith(PREFIX)]
    return headers[TOPIC].decode(), Outgoing(record.key, record.value, [*kept, (REPLAYS, str(count).encode())])


def _theirs(record: Record) -> list[tuple[str, bytes]]:
    """The producer's headers, and our count of replays; no other of ours, which somebody else may have set."""
    return [(name, value) for name, value in record.headers if not name.startswith(PREFIX) or name == REPLAYS]
