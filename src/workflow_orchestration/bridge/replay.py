"""Dead letters sent once more to where they came from, after whatever refused them was put right.

A replayed record is an ordinary record of its topic: what is still refused becomes a new dead letter, what has come
in meanwhile is known. The replay's own consumer group remembers which letters were replayed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from workflow_orchestration.bridge.config import Bus
from workflow_orchestration.bridge.dead_letters import DETAIL, REASON, TOPIC, replay
from workflow_orchestration.bridge.records import Record, record_of
from workflow_orchestration.bridge.sender import LIBRARY, OPTIONS

_ANSWER_SECONDS = 10.0
_POLL_SECONDS = 5.0


@dataclass(frozen=True)
class Replayed:
    """One dead letter, and what was done with it."""

    #: Where it lies in the dead-letter topic.
    partition: int
    offset: int
    #: Where it came from, and why it was refused; empty for a record that our bridge did not put there.
    topic: str
    reason: str
    detail: str
    #: Why it cannot be sent again; None when it was (or would be).
    skipped: str | None


def replay_all(bus: Bus, *, limit: int | None, again: bool, dry_run: bool) -> Iterator[Replayed]:
    """Replay the letters that lie there now; each is committed once Kafka has acknowledged its copy."""
    consumer = Consumer(
        {**bus.client, "group.id": f"{bus.group['group.id']}.replay", "enable.auto.commit": False}, logger=LIBRARY
    )
    producer = Producer({**bus.client, **OPTIONS}, logger=LIBRARY)
    try:
        starts, ends = _range(consumer, bus.dead_letter_topic, again=again)
        for count, record in enumerate(_letters(consumer, starts, ends)):
            if limit is not None and count >= limit:
                return
            told = _judge(record)
            if told.skipped is None and not dry_run:
                _send(producer, record)
            if not dry_run:
                place = TopicPartition(bus.dead_letter_topic, told.partition, told.offset + 1)
                consumer.commit(offsets=[place], asynchronous=False)
            yield told
    finally:
        consumer.close()


def _range(consumer: Consumer, topic: str, *, again: bool) -> tuple[list[TopicPartition], dict[int, int]]:
    """Where each partition is taken up, and where it ends now: what arrives meanwhile is for the next replay."""
    found = consumer.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic]
    if found.error is not None:
        raise KafkaException(found.error)
    committed = consumer.committed([TopicPartition(topic, n) for n in found.partitions], timeout=_ANSWER_SECONDS)
    starts, ends = [], {}
    for place in committed:
        low, high = consumer.get_watermark_offsets(place, timeout=_ANSWER_SECONDS)
        start = low if again or place.offset < 0 else max(place.offset, low)
        if start < high:
            starts.append(TopicPartition(topic, place.partition, start))
            ends[place.partition] = high
    return starts, ends


def _letters(consumer: Consumer, starts: list[TopicPartition], ends: dict[int, int]) -> Iterator[Record]:
    """Every letter of the range. Silence is the end too: transactions leave offsets without a record."""
    if not starts:
        return
    consumer.assign(starts)
    left = set(ends)
    while left and (message := consumer.poll(_POLL_SECONDS)) is not None:
        if (error := message.error()) is not None:
            raise KafkaException(error)
        record = record_of(message)
        if record.place.position + 1 >= ends[record.place.partition]:
            left.discard(record.place.partition)
        if record.place.position < ends[record.place.partition]:
            yield record


def _judge(record: Record) -> Replayed:
    headers = {name: value.decode(errors="replace") for name, value in record.headers}
    skipped = None
    if TOPIC not in headers:
        skipped = f"it has no {TOPIC} header: our bridge did not put it here"
    elif record.value is None:
        skipped = "it has no value; send the original again from its source"
    return Replayed(record.place.partition, record.place.position, headers.get(TOPIC, ""), headers.get(REASON, ""),
                    headers.get(DETAIL, ""), skipped)  # fmt: skip


def _send(producer: Producer, record: Record) -> None:
    topic, copy = replay(record)
    failed: list[KafkaException] = []
    producer.produce(topic, copy.value, copy.key, headers=list(copy.headers),
                     on_delivery=lambda error, _m: failed.append(KafkaException(error)) if error else None)  # fmt: skip
    if producer.flush(_ANSWER_SECONDS):
        raise TimeoutError(f"{topic} did not acknowledge a replayed record within {_ANSWER_SECONDS:.0f} s")
    if failed:
        raise failed[0]
