"""The book in PostgreSQL: every version of every row is kept; the latest one counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from workflow_orchestration.domain import book
from workflow_orchestration.domain.canonical import plain
from workflow_orchestration.domain.errors import NotFound
from workflow_orchestration.store import log
from workflow_orchestration.store.db import Conn, Row, jsonb, one, queries, rows

SQL = queries(__file__)
R = TypeVar("R", bound=book.Row)


async def put(conn: Conn, kind: str, found: Sequence[book.Row], actor: dict[str, Any]) -> dict[str, int]:
    """Store rows as new versions; an unchanged row stores nothing. Returns how many are new, changed, unchanged."""
    await conn.execute(SQL["lock_kind"], {"kind": kind})
    stored = {
        r["key"]: r for r in await rows(conn, SQL["latest"], {"kind": kind, "keys": [r.key for r in found], "at": None})
    }
    counts = {"new": 0, "changed": 0, "unchanged": 0}
    for row in found:
        data, old = plain(row), stored.get(row.key)
        if old is not None and old["data"] == data:
            counts["unchanged"] += 1
            continue
        version = old["version"] + 1 if old else 1
        await conn.execute(
            SQL["insert"], {"kind": kind, "key": row.key, "version": version, "data": jsonb(data), "by": actor["id"]}
        )
        stored[row.key] = {"key": row.key, "version": version, "data": data}
        counts["changed" if old else "new"] += 1
    if counts["new"] or counts["changed"]:
        await log.append(conn, log.SYSTEM, [log.Entry("book.loaded", actor, {"kind": kind, **counts})])
    return counts


async def get(conn: Conn, kind: str, key: str) -> Row:
    """The latest version of a row, as stored."""
    row = await one(conn, SQL["latest"], {"kind": kind, "keys": [key], "at": None})
    if row is None:
        raise NotFound(f"the book has no {kind} {key!r}", fix=f"Load it: PUT /v1/book/{kind}.")
    return row


async def find(conn: Conn, model: type[R], key: str | None, *, at: datetime | None = None) -> tuple[R, int] | None:
    """A row as its model, with its version; None when the book has none. `at`: as it was then."""
    if key is None:
        return None
    row = await one(conn, SQL["latest"], {"kind": model.kind, "keys": [key], "at": at})
    return (model.model_validate(row["data"]), row["version"]) if row else None


async def find_all(conn: Conn, model: type[R], *, at: datetime | None = None) -> list[R]:
    return [model.model_validate(r["data"]) for r in await rows(conn, SQL["all"], {"kind": model.kind, "at": at})]


async def find_instruction(
    conn: Conn, references: Sequence[str | None], *, at: datetime | None = None
) -> tuple[book.Instruction, int] | None:
    """Our instruction by our reference or the CSD's."""
    known = [r for r in references if r]
    row = await one(conn, SQL["instruction_by_reference"], {"references": known, "at": at}) if known else None
    return (book.Instruction.model_validate(row["data"]), row["version"]) if row else None
