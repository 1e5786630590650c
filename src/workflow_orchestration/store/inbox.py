"""Records of a message bus that were taken: redelivered, they change nothing.

Kafka delivers at least once. A record's place (topic, partition, offset) is written in the transaction that takes
it, so a redelivery is seen whatever was committed to Kafka. The place counts only together with the content: a topic
that was deleted and made anew begins again at offset 0, and nothing of it may be skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from workflow_orchestration.store.db import Conn, queries, rows

SQL = queries(__file__)
#: accepted: its message is new; known: the same bytes came before; refused: dead-lettered.
Outcome = Literal["accepted", "known", "refused"]


@dataclass(frozen=True)
class Place:
    """Where a record lies, and what it holds."""

    topic: str
    partition: int
    #: Kafka's offset.
    position: int
    #: As `messages.sha256`, so that known content is found without parsing.
    sha256: str


@dataclass(frozen=True)
class Seen:
    """What the database knows of a record."""

    taken: bool
    #: The message with the same bytes, however it came.
    message_id: str | None


@dataclass(frozen=True)
class Taken:
    """A record and what came of it: a message, or the reason for none."""

    place: Place
    outcome: Outcome
    message_id: str | None = None
    reason: str | None = None


async def seen(conn: Conn, places: Sequence[Place]) -> list[Seen]:
    """What is known of each record, in their order."""
    found = await rows(conn, SQL["seen"], _columns(places))
    return [Seen(r["taken"], str(r["message_id"]) if r["message_id"] else None) for r in found]


async def take(conn: Conn, taken: Sequence[Taken]) -> None:
    """Write down that these records are done with: in the transaction that does it."""
    await conn.execute(SQL["take"], {
        **_columns([t.place for t in taken]), "outcomes": [t.outcome for t in taken],
        "message_ids": [t.message_id for t in taken], "reasons": [t.reason for t in taken],
    })  # fmt: skip


def _columns(places: Sequence[Place]) -> dict[str, list[str] | list[int]]:
    return {
        "topics": [p.topic for p in places],
        "partitions": [p.partition for p in places],
        "positions": [p.position for p in places],
        "shas": [p.sha256 for p in places],
    }
