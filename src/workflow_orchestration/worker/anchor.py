"""Chain heads, written to a file outside the database: what an owner who recomputes a chain cannot reach."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from workflow_orchestration.store import log
from workflow_orchestration.store.db import Pool

#: Entries committed late by a long transaction still fall into the next anchor.
_OVERLAP = timedelta(seconds=60)


class Anchor:
    """Appends the heads that moved since the last time, one JSON line each time."""

    def __init__(self, pool: Pool, file: Path) -> None:
        self._pool = pool
        self._file = file
        self._known: dict[str, tuple[int, str]] = {}
        self._since = datetime(1970, 1, 1, tzinfo=UTC)

    async def write(self) -> int:
        """Anchor what moved; returns how many heads."""
        async with self._pool.connection() as conn:
            found = await log.heads_since(conn, self._since)
        heads = {r["stream"]: (int(r["seq"]), r["head"]) for r in found}
        moved = {stream: head for stream, head in heads.items() if self._known.get(stream) != head}
        if moved:
            await asyncio.to_thread(self._append, moved)
        self._known = heads
        self._since = max((r["at"] - _OVERLAP for r in found), default=self._since)  # the database's clock, never ours
        return len(moved)

    def _append(self, moved: dict[str, tuple[int, str]]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"at": datetime.now(UTC).isoformat(), "heads": moved}, separators=(",", ":")) + "\n"
        with self._file.open("a", encoding="utf-8") as out:
            out.write(line)
            out.flush()
            os.fsync(out.fileno())
