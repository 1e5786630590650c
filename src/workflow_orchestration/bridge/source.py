"""A member of the consumer group. The library's consumer blocks, so it lives on one thread of its own.

Each turn tells the consumer what to commit, pause and resume, and brings what has arrived. Rebalances happen inside
a turn, on that thread: a partition that goes commits what is done of it first, so that its next owner begins there.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, TypeVar

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from workflow_orchestration.bridge.config import Bus
from workflow_orchestration.bridge.records import Record, record_of
from workflow_orchestration.bridge.sender import LIBRARY

_logger = structlog.get_logger(__name__)
T = TypeVar("T")
Partition = tuple[str, int]
_WAIT_SECONDS = 0.1
_ANSWER_SECONDS = 2.0
_MOST_RECORDS = 200
#: Leaving the group may wait for a broker that does not answer; its session then ends by itself.
CLOSE_SECONDS = 5.0
_OPTIONS: dict[str, Any] = {
    "enable.auto.commit": False,  # only we know what is done
    "auto.offset.reset": "earliest",  # a new group leaves nothing out
    "partition.assignment.strategy": "cooperative-sticky",  # a rebalance moves what must move, the rest goes on
    # what the library may fetch ahead; default 64 MiB
    "queued.max.messages.kbytes": 8_192,
    "fetch.max.bytes": 8_388_608,
    "message.max.bytes": 8_388_608,
}


@dataclass(frozen=True)
class Orders:
    """What to tell the consumer in this turn."""

    #: {partition: offset of the next record to take}: what is done before it is in our database.
    commit: Mapping[Partition, int] = field(default_factory=dict)
    pause: Sequence[Partition] = ()
    resume: Sequence[Partition] = ()


class Source:
    """The consumer. `done` says how far a partition is; `gone` is told which ones went away, on the source's thread."""

    def __init__(self, bus: Bus, *, done: Callable[[], Mapping[Partition, int]],
                 gone: Callable[[list[Partition]], None]) -> None:  # fmt: skip
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._done = done
        self._gone = gone
        #: What Kafka has confirmed of our commits.
        self._confirmed: dict[Partition, int] = {}
        options = {**bus.client, **bus.group, **_OPTIONS, "on_commit": self._committed}
        self._consumer = Consumer(options, logger=LIBRARY)
        # a daemon, so that a call which never returns does not keep the process
        threading.Thread(target=self._work, name="kafka-source", daemon=True).start()
        self._consumer.subscribe(list(bus.message_topics), on_revoke=self._revoked, on_lost=self._lost)

    async def turn(self, orders: Orders) -> list[Record]:
        """Carry out the orders and wait a moment for records."""
        return await self._call(lambda: self._turn(orders))

    async def lags(self) -> dict[Partition, int]:
        """Records of each of our partitions that are not taken yet, as the brokers count them."""
        return await self._call(self._lags)

    async def close(self) -> None:
        """Commit what is done and leave the group, so that others take over at once."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._call(self._close)
        except TimeoutError:
            _logger.warning("Kafka does not answer; the group was not left, its session will run out")

    async def _call(self, work: Callable[[], T]) -> T:
        answer: Future[T] = Future()

        def job() -> None:
            with contextlib.suppress(InvalidStateError):  # whoever asked has gone
                try:
                    answer.set_result(work())
                except BaseException as error:  # noqa: BLE001 - it is raised where it was asked
                    answer.set_exception(error)

        self._jobs.put(job)
        return await asyncio.wrap_future(answer)

    # -- on the thread --------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            self._jobs.get()()

    def _turn(self, orders: Orders) -> list[Record]:
        if orders.commit:
            self._commit(orders.commit, wait=False)
        if orders.pause:
            self._consumer.pause(_as_library(orders.pause))
        if orders.resume:
            self._consumer.resume(_as_library(orders.resume))
        first = self._consumer.poll(_WAIT_SECONDS)
        if first is None:
            return []
        found = [first, *self._consumer.consume(_MOST_RECORDS, 0)]
        return [record_of(m) for m in found if not self._is_error(m)]

    def _commit(self, positions: Mapping[Partition, int], *, wait: bool) -> None:
        """A commit that fails costs a redelivery, which changes nothing."""
        offsets = [TopicPartition(topic, partition, position) for (topic, partition), position in positions.items()]
        try:
            if wait:
                self._consumer.commit(offsets=offsets, asynchronous=False)
            else:
                self._consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            _logger.info("offsets not committed; their records may come again", error=str(error))

    def _committed(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        if error is None:
            self._confirmed |= {(p.topic, p.partition): p.offset for p in places if p.error is None}

    def _is_error(self, message: Message[Any, Any]) -> bool:
        error = message.error()
        if error is None:
            return False
        if error.fatal():
            raise KafkaException(error)
        if error.code() != KafkaError._PARTITION_EOF:
            _logger.warning("Kafka refuses to hand out records", error=str(error), topic=message.topic())
        return True

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        going = [(p.topic, p.partition) for p in partitions]
        done = {place: position for place, position in self._done().items()
                if place in going and self._confirmed.pop(place, None) != position}  # fmt: skip
        if done:
            self._commit(done, wait=True)
        self._gone(going)

    def _lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Another member has them already: what we would commit is no longer ours to say."""
        self._gone([(p.topic, p.partition) for p in partitions])

    def _lags(self) -> dict[Partition, int]:
        done, found = self._done(), {}
        try:
            mine = self._consumer.assignment()
            committed = self._consumer.committed(mine, timeout=_ANSWER_SECONDS) if mine else []
            for p in committed:
                low, high = self._consumer.get_watermark_offsets(p, timeout=_ANSWER_SECONDS)
                at = done.get((p.topic, p.partition), p.offset if p.offset >= 0 else low)
                found[p.topic, p.partition] = max(0, high - max(at, low))
        except KafkaException as error:
            _logger.info("the lag is not known", error=str(error))
        return found

    def _close(self) -> None:
        self._revoked(self._consumer, self._consumer.assignment())
        self._consumer.close()


def _as_library(places: Sequence[Partition]) -> list[TopicPartition]:
    return [TopicPartition(topic, partition) for topic, partition in places]
