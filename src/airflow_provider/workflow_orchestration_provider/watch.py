"""One poll for every case that a triggerer waits for: 200 waiting tasks cost the API a request each few seconds.

Triggers of one connection share a Watch. It asks for all their cases at once, survives everything that passes
(refused connections, 5xx, 429, an expired token), and ends when nobody waits.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
import weakref
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import httpx
import structlog
from airflow.sdk import BaseHook

from workflow_orchestration_provider.hook import Access, PlatformError, body_of

#: Seconds between two polls, before jitter of a fifth; an outage doubles it up to the second.
_EVERY, _AT_MOST = 4.0, 30.0
#: Cases a request may ask for (the API's limit is 200; the address must fit a proxy's 8 KiB).
_AT_ONCE = 150
#: Polls that a case may be missing from: it is another desk's now, or the database was restored.
_PATIENCE = 5
MISSING = "missing"
_logger = structlog.get_logger(__name__)


class Watch:
    """The cases that one connection's triggers wait for."""

    def __init__(self, conn_id: str) -> None:
        self._conn_id = conn_id
        self._waiting: dict[str, set[asyncio.Future[str]]] = defaultdict(set)
        self._missed: dict[str, int] = defaultdict(int)
        self._poll: asyncio.Task[None] | None = None

    async def ended(self, case_id: str) -> str:
        """Wait; returns how the case ended, or `missing`."""
        end = asyncio.get_running_loop().create_future()
        self._waiting[case_id].add(end)
        if self._poll is None or self._poll.done():
            # of no trigger's context: its log would get what concerns all
            self._poll = asyncio.create_task(self._run(), name="cases", context=contextvars.Context())
        try:
            return await self._first(end)
        finally:
            self._waiting[case_id].discard(end)
            if not self._waiting[case_id]:
                del self._waiting[case_id]
                self._missed.pop(case_id, None)

    async def _first(self, end: asyncio.Future[str]) -> str:
        """The end, or the error of a poll that cannot go on: a defect of ours, which must not be waited out."""
        assert self._poll is not None
        either: set[asyncio.Future[Any]] = {end, self._poll}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not end.done():
            self._poll.result()
        return await end

    async def _run(self) -> None:
        pause, away = _EVERY, False
        while self._waiting:
            try:
                await self._look()
                pause, away = _EVERY, _told(away, None)
            except (PlatformError, httpx.HTTPError, OSError) as error:
                pause, away = min(pause * 2, _AT_MOST), _told(away, error)
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load, guards nothing

    async def _look(self) -> None:
        access = Access.of(await BaseHook.aget_connection(self._conn_id))
        async with httpx.AsyncClient(**access.options()) as client:
            for some in _batches(list(self._waiting), _AT_ONCE):
                answer = body_of(
                    await client.get("/v1/cases", params={"ids": ",".join(some)}, headers=access.headers())
                )
                self._take(some, {case["id"]: case["status"] for case in answer["items"]})

    def _take(self, asked: Sequence[str], found: dict[str, str]) -> None:
        for case_id in asked:
            status = found.get(case_id, MISSING)
            self._missed[case_id] = self._missed[case_id] + 1 if status == MISSING else 0
            if status == "open" or 0 < self._missed[case_id] < _PATIENCE:
                continue
            for end in self._waiting.get(case_id, ()):
                if not end.done():
                    end.set_result(status)


def _told(away: bool, error: Exception | None) -> bool:
    """Say once that the platform is away, and once that it is back."""
    if error is not None and not away:
        _logger.warning("the platform does not answer; waiting tasks go on waiting", error=str(error))
    if error is None and away:
        _logger.info("the platform answers again")
    return error is not None


def _batches(ids: list[str], size: int) -> Iterator[list[str]]:
    left = iter(ids)
    while some := list(islice(left, size)):
        yield some


#: A loop's watches by connection; a triggerer has one loop for its whole life.
_WATCHES: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Watch]] = weakref.WeakKeyDictionary()


def of(conn_id: str) -> Watch:
    """The watch that all triggers of this connection share."""
    watches = _WATCHES.setdefault(asyncio.get_running_loop(), {})
    return watches.setdefault(conn_id, Watch(conn_id))
