"""Which item this task works for, and the heart that keeps the worker's items its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from workflow_orchestration.store import work
from workflow_orchestration.store.db import Pool

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Lease:
    """One claim: (item, epoch) is what every write of this worker checks in its own transaction."""

    item_id: str
    epoch: int


#: Set in the task that runs an item; LangGraph's background writes inherit it.
LEASE: ContextVar[Lease] = ContextVar("lease")


#: Of the time between beats: the least that a beat is waited for.
_SHORTEST_WAIT = 0.25


@dataclass
class _Held:
    epoch: int
    #: Told each once: "lost", and the cancel request's status.
    stop: Callable[[str], None]
    told_to_cancel: bool = False


@dataclass
class Heart:
    """Renews all leases of this worker in one statement, until the last item has ended (drains included).

    A worker that cannot beat fences itself: its items are stopped at the last verdict before a lease may run out,
    before another worker starts them.
    """

    pool: Pool
    lease_seconds: float
    beat_seconds: float
    _held: dict[str, _Held] = field(default_factory=dict)
    _last_beat: float = field(default_factory=time.monotonic)

    def hold(self, lease: Lease, stop: Callable[[str], None]) -> None:
        if not self._held:
            self._last_beat = time.monotonic()
        self._held[lease.item_id] = _Held(lease.epoch, stop)

    def drop(self, lease: Lease) -> None:
        held = self._held.get(lease.item_id)
        if held is not None and held.epoch == lease.epoch:  # not a later claim of the same item
            del self._held[lease.item_id]

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self.beat_seconds)
            if self._held:
                await self.beat()

    async def beat(self) -> None:
        sent = time.monotonic()
        items = {item: held.epoch for item, held in self._held.items()}
        until_verdict = self._last_beat + self.lease_seconds - sent - self._shortest
        patience = max(self._shortest, min(self.beat_seconds, until_verdict))
        try:
            async with asyncio.timeout(patience), self.pool.connection() as conn:
                ours = await work.heartbeat(conn, items, lease=self.lease_seconds)
        except (psycopg.Error, PoolTimeout, TimeoutError) as error:
            self._missed(str(error) or type(error).__name__)
            return
        self._last_beat = sent
        for item_id in items.keys() - ours.keys():
            self._lose(item_id)
        for item_id, cancel in ours.items():
            if cancel is not None:
                self._cancel(item_id, cancel)

    @property
    def _shortest(self) -> float:
        return self.beat_seconds * _SHORTEST_WAIT

    def _missed(self, error: str) -> None:
        silent = time.monotonic() - self._last_beat
        _logger.warning("heartbeat failed", seconds_silent=round(silent, 1), error=error)
        if silent + self.beat_seconds + self._shortest > self.lease_seconds:  # the next verdict would come too late
            _logger.error("no heartbeat for almost a lease: this worker stops its items itself", items=len(self._held))
            for item_id in list(self._held):
                self._lose(item_id)

    def _lose(self, item_id: str) -> None:
        """No longer beaten for: whatever still runs of it must not keep it from its next owner."""
        held = self._held.pop(item_id, None)
        if held is not None:
            held.stop("lost")

    def _cancel(self, item_id: str, why: str) -> None:
        held = self._held.get(item_id)
        if held is not None and not held.told_to_cancel:
            held.told_to_cancel = True
            held.stop(why)
