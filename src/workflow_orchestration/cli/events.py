"""A case's event stream: read as it comes, taken up again by its last id, so that no entry is lost or told twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from workflow_orchestration.cli.client import Api
from workflow_orchestration.cli.exits import Refused, Unreachable
from workflow_orchestration.cli.output import say

#: Seconds before a cut stream is taken up again.
_PAUSE = 1.0
#: Stays silent (no entry, no heartbeat) or unreachable so often in a row: the platform is away.
_TRIES = 30


def so_far(api: Api, path: str, after: int) -> Iterator[dict[str, Any]]:
    """Every entry there is, page by page."""
    while True:
        page = api.get(path, params={"after": after})
        yield from page["items"]
        if page.get("next") is None:
            return
        after = page["next"]


def follow(api: Api, path: str, after: int, *, sleep: Callable[[float], None] = time.sleep) -> Iterator[dict[str, Any]]:
    """Entries until the case ends; a cut stream is taken up after the last entry seen."""
    failed = 0
    while True:
        try:
            for entry in _connected(api, path, after):
                if entry is None:
                    return
                after, failed = entry["seq"], 0
                yield entry
        except (Unreachable, Refused) as failure:
            failed += 1
            if failed == _TRIES or not _passes(failure):
                raise
            say(f"stream lost after entry {after}; taking it up again ({failure.cause})")
        sleep(_PAUSE)


def _connected(api: Api, path: str, after: int) -> Iterator[dict[str, Any] | None]:
    """Entries of one connection; None is the API's word that the case has ended."""
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
    with api.stream(path, headers=headers) as response:
        for name, data in parse(response.iter_lines()):
            yield None if name == "end" else json.loads(data)


def _passes(failure: Unreachable | Refused) -> bool:
    """Does waiting help? Not against a refusal, except the one that asks to wait."""
    return isinstance(failure, Unreachable) or failure.status >= 500 or failure.status == 429


def parse(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(event, data) of each event that carries data: heartbeats are comments, and an event cut short is dropped."""
    name, data = "message", list[str]()
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line == "":
            if data:
                yield name, "\n".join(data)
            name, data = "message", []
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)
