"""Fetches for the checker what anybody outside can see, a case at a time, so that ten thousand need no more memory."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.failure.harness.checker import CaseSeen, Seen, Whole, check_case, check_requests, check_whole, ending
from tests.failure.harness.driver import Api, Play
from tests.failure.harness.receiver import file_name
from tests.failure.harness.stories import STORIES, Names, number_of

_AT_ONCE = 6
_NDJSON = {"Accept": "application/x-ndjson"}


async def fetch(api: Api, play: Play, outboxes: list[Path]) -> CaseSeen:
    """Everything outside knows of one case."""
    case = await api.get(f"/v1/cases/{play.case_id}")
    approved = [a["id"] for a in case["approvals"] if a["state"] == "approved"]
    log = await api.ask("GET", f"/v1/log/cases/{play.case_id}", "aud", headers=_NDJSON)
    keys = [f"{e['source']}:{e['step']}" for e in case["effects"] if e["kind"] == "message"]
    return CaseSeen(
        n=play.n,
        story=play.story,
        exact=STORIES[play.story].exact and play.outcome == "done",
        told_messages=play.messages,
        told_decisions=[(a, w, d) for a, w, d in play.decisions],
        case=case,
        approvals={a: await api.get(f"/v1/approvals/{a}") for a in approved},
        entries=[json.loads(line) for line in log.text.splitlines()],
        received=dict(_received(outboxes, keys)),
        names=_names(play.n),
    )


def _names(n: int) -> tuple[str, ...]:
    names = Names(n)
    return (*names.of(number_of(n)).values(), names.reference, f"CSR{n:09d}", f"{n:09d}")


def _received(outboxes: list[Path], keys: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Under each key at each receiver; a second one under the same key has a name of its own, and is a finding."""
    for key in keys:
        found = [folder / file_name(key) for folder in outboxes if (folder / file_name(key)).exists()]
        for n, path in enumerate(found):
            yield key + ":again" * n, path.read_bytes().decode()


async def judge(
    api: Api, plays: list[Play], outboxes: list[Path], requests: Path, since: datetime
) -> AsyncIterator[str]:
    """Every finding of a run: the calm cases first, whose endings the others must come to."""
    whole = Whole()
    for play in (p for p in plays if p.calm and p.case_id):
        seen = await fetch(api, play, outboxes)
        if seen.exact:
            whole.endings.setdefault(play.story, ending(seen))
    missing = {name for name, story in STORIES.items() if story.exact} - whole.endings.keys()
    if missing:
        yield f"no fault-free ending is known of: {', '.join(sorted(missing))}"
    for some in _batches([p for p in plays if p.case_id], _AT_ONCE):
        for seen in await asyncio.gather(*(fetch(api, play, outboxes) for play in some)):
            for finding in check_case(seen, whole):
                yield finding
    for finding in check_whole(
        whole,
        listed=await _listed(api),
        received=_keys(outboxes, whole),
        exported=await _exported(api, since),
        report=await api.get("/v1/log/verify"),
    ):
        yield finding
    for finding in check_requests(_lines(requests)):
        yield finding


def _batches(plays: list[Play], size: int) -> Iterator[list[Play]]:
    return (plays[n : n + size] for n in range(0, len(plays), size))


async def _listed(api: Api) -> list[str]:
    ids: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await api.get("/v1/cases", limit=200, **cursor)
        ids += [case["id"] for case in page["items"]]
        if page["next"] is None:
            return ids
        cursor = {"cursor": page["next"]}


def _keys(outboxes: list[Path], whole: Whole) -> list[str]:
    """Keys of all files; one that no case knows goes by its file's name."""
    known = {file_name(key): key for key in whole.keys}
    return [
        known.get(path.name, path.name)
        for folder in outboxes
        if folder.exists()
        for path in folder.iterdir()
        if not path.name.startswith(".")
    ]


async def _exported(api: Api, since: datetime) -> Counter[str]:
    """Entries a stream, by the export of the whole period; it must end with its trailer and be complete."""
    await asyncio.sleep(1.1)
    until = datetime.now(UTC) - timedelta(milliseconds=500)
    counts: Counter[str] = Counter()
    async with api.download("/v1/log", "aud", {"from": since.isoformat(), "to": until.isoformat()}) as answer:
        last: Seen = {}
        async for line in answer.aiter_lines():
            last = json.loads(line)
            if "stream" in last:
                counts[last["stream"]] += 1
    if not last.get("trailer") or not last["complete"] or last["count"] != counts.total():
        raise AssertionError(f"the period's export is not complete: {last}")
    return counts


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    if file.exists():
        with file.open(encoding="utf-8") as lines:
            yield from (json.loads(line) for line in lines)
