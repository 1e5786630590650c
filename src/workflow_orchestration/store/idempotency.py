"""Idempotency-Key: the same key and body get the stored answer; the same key with another body is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workflow_orchestration.domain.canonical import sha256
from workflow_orchestration.domain.errors import IdempotencyMismatch
from workflow_orchestration.store.db import Conn, jsonb, one, queries

SQL = queries(__file__)


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]
    location: str | None = None


async def reserve(conn: Conn, principal: str, key: str, body: bytes) -> Answer | None:
    """Take the key for this transaction; the stored answer when it was used before."""
    mine = await one(conn, SQL["reserve"], {"principal": principal, "key": key, "body_sha": sha256(body)})
    if mine is not None:
        return None
    row = await one(conn, SQL["get"], {"principal": principal, "key": key})
    assert row is not None
    if row["body_sha"] != sha256(body):
        raise IdempotencyMismatch(f"Idempotency-Key {key!r} was used with another body at {row['created_at']:%FT%TZ}")
    return Answer(row["status"], row["body"], row["location"])


async def store(conn: Conn, principal: str, key: str, answer: Answer) -> None:
    await conn.execute(
        SQL["store"],
        {
            "principal": principal,
            "key": key,
            "status": answer.status,
            "body": jsonb(answer.body),
            "location": answer.location,
        },
    )
