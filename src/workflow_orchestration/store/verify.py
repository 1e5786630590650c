"""Proof that the log is as it was written: changed, deleted, truncated and rewritten entries are each named.

A chain shows what was changed inside it. Who owns the database can compute a whole chain anew: only the anchor,
a file outside the database, shows that.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workflow_orchestration.store import log
from workflow_orchestration.store.db import Conn, Row, one, rows

#: {stream: {seq: hash}} as the anchor file has it.
Anchors = dict[str, dict[int, str]]


@dataclass(frozen=True)
class Finding:
    """One broken promise: kind is changed, deleted, truncated, rewritten or unchained."""

    kind: str
    stream: str
    seq: int
    detail: str


@dataclass(frozen=True)
class Report:
    valid: bool
    streams: int
    entries: int
    anchors: int
    findings: tuple[Finding, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def read_anchors(file: Path | None) -> Anchors:
    """Heads of an anchor file; none when there is no file. The first word about an entry stands: a rewritten chain is
    anchored again, and must not hide what was there before."""
    found: Anchors = {}
    if file is None or not file.exists():
        return found
    lines = file.read_text(encoding="utf-8").split("\n")
    for line in lines[:-1]:  # what follows the last line end is a line still being written
        for stream, (seq, head) in json.loads(line)["heads"].items():
            found.setdefault(stream, {}).setdefault(int(seq), head)
    return found


async def verify(conn: Conn, anchors: Anchors, *, stream: str | None = None) -> Report:
    """Check every stream (or one) against its own chain, its counter and the anchors."""
    findings: list[Finding] = []
    entries = checked = 0
    seen: set[str] = set()
    async for head in _streams(conn, stream):
        seen.add(head["stream"])
        count, found = await _check(conn, head, anchors.get(head["stream"], {}))
        entries += count
        findings += found
    for name in anchors:
        if stream in (None, name):
            checked += len(anchors[name])
            if name not in seen:
                findings.append(Finding("deleted", name, 0, "the anchor knows this stream; the database does not"))
    return Report(not findings, len(seen), entries, checked, tuple(findings))


async def _streams(conn: Conn, only: str | None) -> AsyncIterator[Row]:
    """Every stream's head; for entries whose head was removed, an empty one, which they will not match."""
    if only is not None and (head := await one(conn, log.SQL["stream"], {"stream": only})):
        yield head
        return
    after = ""
    while only is None and (page := await rows(conn, log.SQL["streams"], {"after": after, "limit": 500})):
        for head in page:
            yield head
        after = page[-1]["stream"]
    for head in await rows(conn, log.SQL["headless"], {"stream": only}):
        yield head


async def _check(conn: Conn, head: Row, anchored: dict[int, str]) -> tuple[int, list[Finding]]:
    stream = head["stream"]
    findings: list[Finding] = []
    seq, prev, count = 0, "", 0
    while page := await log.read(conn, stream, after=seq):
        for row in page:
            findings += _entry_findings(row, expected=seq + 1, prev=prev, anchored=anchored)
            seq, prev = row["seq"], row["hash"]
            count += 1
    if seq < head["seq"]:
        findings.append(Finding("truncated", stream, seq + 1, f"entries {seq + 1} to {head['seq']} are gone"))
    elif prev != head["head"]:
        findings.append(Finding("unchained", stream, seq, "the stream's head is not its last entry's hash"))
    last_anchor = max(anchored, default=0)
    if last_anchor > seq and seq >= head["seq"]:
        findings.append(Finding("truncated", stream, seq + 1, f"the anchor saw entry {last_anchor}"))
    return count, findings


def _entry_findings(row: Row, *, expected: int, prev: str, anchored: dict[int, str]) -> Iterable[Finding]:
    stream, seq = row["stream"], row["seq"]
    if seq != expected:
        yield Finding("deleted", stream, expected, f"entries {expected} to {seq - 1} are missing")
    elif row["prev"] != prev:
        yield Finding("unchained", stream, seq, "it does not follow the entry before it")
    if log.entry_hash(row) != row["hash"]:
        yield Finding("changed", stream, seq, f"its content ({row['type']}) does not give its hash")
    if seq in anchored and anchored[seq] != row["hash"]:
        yield Finding("rewritten", stream, seq, "the chain is consistent, but the anchor saw another entry")
