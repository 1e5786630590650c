"""A record of a topic, and what it says: a message, or the reason why it is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from confluent_kafka import Message

from workflow_orchestration.domain import messages
from workflow_orchestration.domain.canonical import sha256
from workflow_orchestration.domain.errors import MessageUnreadable, PlatformError, TooLarge, UnsupportedMessage
from workflow_orchestration.domain.records import ParsedMessage
from workflow_orchestration.domain.roles import ALL_DESKS, Principal, Role
from workflow_orchestration.store.inbox import Place


@dataclass(frozen=True)
class Record:
    """What Kafka delivered."""

    place: Place
    key: bytes | None
    #: None for a tombstone, which is no message.
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    #: Milliseconds since 1970, as the producer or the broker set it.
    timestamp: int

    @property
    def size(self) -> int:
        """Bytes that it holds in memory, about."""
        return len(self.value or b"") + len(self.key or b"") + sum(len(name) + len(v) for name, v in self.headers)


def record_of(message: Message[Any, Any]) -> Record:
    value = message.value()
    place = Place(message.topic() or "", message.partition() or 0, message.offset() or 0, sha256(value or b""))
    given = cast("list[tuple[str, bytes | None]]", message.headers() or [])  # as read: the library writes more forms
    headers = tuple((name, content or b"") for name, content in given)
    return Record(place, message.key(), value, headers, message.timestamp()[1])


@dataclass(frozen=True)
class Judged:
    """A record, and its message or the reason why it is refused."""

    record: Record
    parsed: ParsedMessage | None
    text: str
    refusal: PlatformError | None
    #: By what its order is kept: its key, and every reference of its instructions.
    names: frozenset[object]


def judge(record: Record, *, max_bytes: int) -> Judged:
    """Read a record; what is no message is refused, whatever it holds."""
    try:
        parsed, text = read(record, max_bytes=max_bytes)
    except (MessageUnreadable, UnsupportedMessage, TooLarge) as refusal:
        return Judged(record, None, "", refusal, frozenset({record.key}))
    references = {r for i in parsed.items for r in (i.our_ref, i.csd_ref, i.common_ref, i.previous_ref) if r}
    return Judged(record, parsed, text, None, frozenset({record.key, *references}))


def chains(judged: Sequence[Judged]) -> list[list[Judged]]:
    """Records that share a name, directly or by way of others, together and in their order.

    Records without a key share that: who sends none gets the order of the partition.
    """
    found: list[tuple[frozenset[object], list[Judged]]] = []
    for one in judged:
        sharing = [chain for chain in found if chain[0] & one.names]
        names = one.names.union(*(chain[0] for chain in sharing))
        members = sorted([m for chain in sharing for m in chain[1]], key=lambda m: m.record.place.position)
        found = [chain for chain in found if not chain[0] & one.names] + [(names, [*members, one])]
    return [members for _, members in found]


def read(record: Record, *, max_bytes: int) -> tuple[ParsedMessage, str]:
    """The parsed message and its text; MessageUnreadable, UnsupportedMessage or TooLarge when there is none."""
    if record.value is None:
        raise MessageUnreadable("the record has no value", line=1, tag=None)
    if len(record.value) > max_bytes:
        raise TooLarge(f"{len(record.value)} bytes; at most {max_bytes} are taken", fix="Raise MESSAGE_MAX_BYTES.")
    try:
        text = record.value.decode("utf-8")
    except UnicodeDecodeError as error:
        line = record.value[: error.start].count(b"\n") + 1
        raise MessageUnreadable(f"line {line}: byte {error.start} is not UTF-8", line=line, tag=None) from None
    return messages.parse(text), text


def sender_of(record: Record) -> Principal:
    """Who hands in what a topic holds: a service that may do nothing else. Kafka's ACLs say who writes there."""
    return Principal(f"kafka:{record.place.topic}", frozenset({Role.EVENT_INGEST}), frozenset({ALL_DESKS}))
