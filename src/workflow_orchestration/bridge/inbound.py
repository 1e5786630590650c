"""In: records of the message topics through the same door as POST /v1/messages, each in one transaction with its place.

A partition is a lane. Records that share a key or an instruction's reference are taken one after another in their
order; others, and lanes, side by side. A record is dead-lettered only for what it says; whatever else is wrong (the
database away, slow or full, a right missing) is waited for, and meanwhile the partition is paused, so that a slow
database slows Kafka's delivery and grows no memory here. Kafka is told only what our database has.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from workflow_orchestration.bridge import records
from workflow_orchestration.bridge.config import Bus
from workflow_orchestration.bridge.dead_letters import DeadLetters
from workflow_orchestration.bridge.lane import Lane
from workflow_orchestration.bridge.metrics import BACKLOG, BACKLOG_BYTES, LAG, PAUSED, RECORDS, WAITING
from workflow_orchestration.bridge.records import Judged, Record
from workflow_orchestration.bridge.source import Orders, Partition, Source
from workflow_orchestration.domain.errors import MessageUnreadable, PlatformError
from workflow_orchestration.domain.records import ParsedMessage
from workflow_orchestration.store import inbox, messages
from workflow_orchestration.store.db import TRANSIENT, Conn, Pool, retrying
from workflow_orchestration.store.inbox import Taken

T = TypeVar("T")
_logger = structlog.get_logger(__name__)
#: What PostgreSQL says of a value it cannot keep.
_CONTENT = (psycopg.DataError, psycopg.IntegrityError)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
_LAG_SECONDS = 5.0
#: Bytes of a record that takes some 20 ms to read.
_LONG = 20_000
#: What else breaks may be of the moment: so often it is tried before the record is put aside.
_TRIES = 3


class Inbound:
    """One member of the consumer group, and the lanes of the partitions it has."""

    def __init__(self, pool: Pool, bus: Bus, letters: DeadLetters, *, max_bytes: int, at_once: int,
                 woke: Callable[..., None]) -> None:  # fmt: skip
        self._pool = pool
        self._bus = bus
        self._letters = letters
        self._max_bytes = max_bytes
        self._woke = woke
        self._free = asyncio.Semaphore(at_once)
        self._lanes: dict[Partition, Lane] = {}
        self._stopping = False
        self._loop = asyncio.get_running_loop()

    def stop(self) -> None:
        self._stopping = True

    async def run(self) -> None:
        """Take records until `stop`."""
        source = Source(self._bus, done=self._done, gone=self._gone)
        next_lags = time.monotonic() + _LAG_SECONDS
        try:
            while not self._stopping:
                for record in await source.turn(self._orders()):
                    self._lane(record).put(record)
                if time.monotonic() > next_lags:
                    _show_lags(await source.lags())
                    next_lags = time.monotonic() + _LAG_SECONDS
        finally:
            lanes = [lane.task for lane in self._lanes.values()]
            for task in lanes:
                task.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)
            await source.close()

    def _lane(self, record: Record) -> Lane:
        partition = (record.place.topic, record.place.partition)
        if partition not in self._lanes:
            self._lanes[partition] = Lane(self._take)
        return self._lanes[partition]

    def _orders(self) -> Orders:
        """What is done since the last turn; who has too much in hand, and who no longer has."""
        commit, pause, resume = {}, [], []
        for partition, lane in self._lanes.items():
            if lane.task.done():
                lane.task.result()  # a lane ends by an error of ours alone: it ends the process
            if lane.done is not None and lane.done != lane.told:
                commit[partition] = lane.told = lane.done
            if lane.should_pause():
                lane.paused = True
                pause.append(partition)
            elif lane.should_resume():
                lane.paused = False
                resume.append(partition)
        BACKLOG.set(sum(lane.records for lane in self._lanes.values()))
        BACKLOG_BYTES.set(sum(lane.bytes for lane in self._lanes.values()))
        PAUSED.set(sum(lane.paused for lane in self._lanes.values()))
        return Orders(commit, pause, resume)

    # -- called on the source's thread, while `run` waits for its turn ----------------------------------------------

    def _done(self) -> Mapping[Partition, int]:
        return {partition: lane.done for partition, lane in self._lanes.items() if lane.done is not None}

    def _gone(self, partitions: list[Partition]) -> None:
        """Whoever has them now takes up what we have in hand; a transaction that is under way may still end."""
        for partition in partitions:
            lane = self._lanes.pop(partition, None)
            with contextlib.suppress(KeyError):
                LAG.remove(partition[0], str(partition[1]))
            if lane is not None:
                self._loop.call_soon_threadsafe(lane.task.cancel)

    # -- a lane's work ------------------------------------------------------------------------------------------------

    async def _take(self, chunk: list[Record]) -> None:
        """Take records; at the end our database has all of them."""
        seen = await self._patiently(lambda conn: inbox.seen(conn, [r.place for r in chunk]))
        fresh, known = [], []
        for record, had in zip(chunk, seen, strict=True):
            if had.taken:
                RECORDS.labels("redelivered").inc()
            elif had.message_id is not None:
                known.append(Taken(record.place, "known", had.message_id))
            else:
                fresh.append(await self._judge(record))
        if known:  # they change nothing, so their order does not matter
            await self._patiently(lambda conn: inbox.take(conn, known))
            RECORDS.labels("known").inc(len(known))
        async with asyncio.TaskGroup() as group:
            for chain in records.chains(fresh):
                group.create_task(self._take_in_order(chain))

    async def _judge(self, record: Record) -> Judged:
        """Long messages are read beside this process's other work, short ones between."""
        if record.size > _LONG:
            return await asyncio.to_thread(records.judge, record, max_bytes=self._max_bytes)
        await asyncio.sleep(0)
        return records.judge(record, max_bytes=self._max_bytes)

    async def _take_in_order(self, chain: Sequence[Judged]) -> None:
        for judged in chain:
            await self._take_one(judged)

    async def _take_one(self, judged: Judged) -> None:
        record, refusal = judged.record, judged.refusal
        if judged.parsed is not None:
            refusal = await self._accept(record, judged.parsed, judged.text)
        if refusal is not None:
            await self._refuse(record, refusal)

    async def _accept(self, record: Record, parsed: ParsedMessage, text: str) -> PlatformError | None:
        """The message and the record's place, in one transaction; or why the database cannot keep it."""

        async def accept(conn: Conn) -> messages.Accepted:
            accepted = await messages.accept(conn, parsed, text, records.sender_of(record))
            outcome: inbox.Outcome = "known" if accepted.duplicate else "accepted"
            await inbox.take(conn, [Taken(record.place, outcome, accepted.message_id)])
            return accepted

        for tried in range(1, _TRIES + 1):
            try:
                async with self._free:
                    accepted = await self._patiently(accept)
            except Exception as error:  # a boundary: one record must not stop all behind it
                _logger.error("a record cannot be stored", tried=tried, exc_info=error)
                cause = error
                await asyncio.sleep(_FIRST_PAUSE)
            else:
                RECORDS.labels("known" if accepted.duplicate else "accepted").inc()
                self._woke(*accepted.streams)
                return None
        return MessageUnreadable(f"it cannot be stored: {type(cause).__name__}: {cause}", line=1, tag=None)

    async def _refuse(self, record: Record, why: PlatformError) -> None:
        """Put a record aside, then write that down: a crash between the two puts it aside twice, never not at all."""
        _logger.warning("record refused", topic=record.place.topic, partition=record.place.partition,
                        offset=record.place.position, reason=type(why).__name__, detail=why.detail)  # fmt: skip
        with WAITING.track_inprogress():
            await self._letters.put(record, why)
        reason = f"{type(why).__name__}: {why.detail}"
        await self._patiently(lambda conn: inbox.take(conn, [Taken(record.place, "refused", reason=reason)]))
        RECORDS.labels("refused").inc()

    async def _patiently(self, work: Callable[[Conn], Awaitable[T]]) -> T:
        """Run a transaction, however long the database makes us wait."""
        pause = _FIRST_PAUSE
        while True:
            try:
                return await retrying(self._pool, work)
            except _CONTENT:
                raise
            except (psycopg.Error, PoolTimeout, *TRANSIENT) as error:
                _logger.warning("the database does not take records; waiting", error=str(error) or type(error).__name__)
            with WAITING.track_inprogress():
                await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


def _show_lags(lags: Mapping[Partition, int]) -> None:
    for (topic, partition), records_left in lags.items():
        LAG.labels(topic, str(partition)).set(records_left)
