"""Which schema this code needs, and which one a database has."""

from __future__ import annotations

from pathlib import Path

from workflow_orchestration.store.db import Conn, one

FOLDER = Path(__file__).parent / "migrations"


def available() -> list[tuple[int, Path]]:
    """Every migration as (version, file), in order."""
    return sorted((int(p.name.split("_")[0]), p) for p in FOLDER.glob("[0-9]*.sql"))


def needed() -> int:
    """The schema version this code works on; a higher one is fine (expand and contract)."""
    return available()[-1][0]


async def current(conn: Conn) -> int:
    """The schema's version; 0 for an empty database."""
    there = await one(conn, "select to_regclass('schema_migrations') is not null as there")
    if not there or not there["there"]:
        return 0
    row = await one(conn, "select coalesce(max(version), 0) as version from schema_migrations")
    return int(row["version"]) if row else 0
