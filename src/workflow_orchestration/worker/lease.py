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


@dataclass
class _Held:
    epoch: int
    #: Told once: "lost", or the cancel request's status.
    stop: Callable[[str], None]


@dataclass
class Heart:
    """Renews all leases of this worker in one statement, until the last item has ended (drains included).

    A worker that cannot beat fences itself: when a lease may have run out, its items are stopped here, before
    another worker starts them.
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

    def drop(self, item_id: str) -> None:
        self._held.pop(item_id, None)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self.beat_seconds)
            if self._held:
                await self.beat()

    async def beat(self) -> None:
        sent = time.monotonic()
        items = {item: held.epoch for item, held in self._held.items()}
        try:
            async with asyncio.timeout(self.beat_seconds), self.pool.connection() as conn:
                ours = await work.heartbeat(conn, items, lease=self.lease_seconds)
        except (psycopg.Error, PoolTimeout, TimeoutError) as error:
            self._missed(str(error) or type(error).__name__)
            return
        self._last_beat = sent
        for item_id in items.keys() - ours.keys():
            self._stop(item_id, "lost")
        for item_id, cancel in ours.items():
            if cancel is not None:
                self._stop(item_id, cancel)

    def _missed(self, error: str) -> None:
        silent = time.monotonic() - self._last_beat
        _logger.warning("heartbeat failed", seconds_silent=round(silent, 1), error=error)
        if silent >= self.lease_seconds - self.beat_seconds:
            _logger.error("no heartbeat for almost a lease: this worker stops its items itself", items=len(self._held))
            for item_id in list(self._held):
                self._stop(item_id, "lost")

    def _stop(self, item_id: str, why: str) -> None:
        held = self._held.get(item_id)
        if held is not None:
            held.stop(why)
