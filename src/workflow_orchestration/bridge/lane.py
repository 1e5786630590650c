"""One partition's records in hand: taken a chunk after the other, and never too many of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from workflow_orchestration.bridge.records import Record

#: Records taken together; a crash costs at most so many redeliveries a partition.
CHUNK = 25
#: More than this in hand: the partition waits. Less than half: it goes on.
_MOST_RECORDS = 400
_MOST_BYTES = 4_194_304

Take = Callable[[list[Record]], Awaitable[None]]


class Lane:
    """Hands its records to `take`, which returns once our database has all of them."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._waiting: deque[Record] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()
        self.paused = False
        #: Offset of the next record to take; None before the first.
        self.done: int | None = None
        #: The last `done` that Kafka was told.
        self.told: int | None = None
        self.task = asyncio.create_task(self._work())

    def put(self, record: Record) -> None:
        self._waiting.append(record)
        self._bytes += record.size
        self._arrived.set()

    @property
    def records(self) -> int:
        return len(self._waiting)

    @property
    def bytes(self) -> int:
        return self._bytes

    def should_pause(self) -> bool:
        return not self.paused and (self.records > _MOST_RECORDS or self._bytes > _MOST_BYTES)

    def should_resume(self) -> bool:
        return self.paused and self.records <= _MOST_RECORDS // 2 and self._bytes <= _MOST_BYTES // 2

    async def _work(self) -> None:
        while True:
            await self._arrived.wait()
            chunk = [self._waiting[n] for n in range(min(CHUNK, len(self._waiting)))]
            await self._take(chunk)
            self._bytes -= sum(record.size for record in chunk)
            for _ in chunk:
                self._waiting.popleft()
            self.done = chunk[-1].place.position + 1
            if not self._waiting:
                self._arrived.clear()
