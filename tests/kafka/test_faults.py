"""Every kind of fault, one after the other while records are in flight: bridges killed and ended, the broker killed and
frozen, the database crashed, everything delivered again. At the end each message has one case, and every log entry is
on the topic in its case's order.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from ci.kafka.broker import Broker
from ci.local import story
from ci.local.postgres import OWNER, WORKER, Server
from tests.fin import mt548
from tests.kafka.check import check
from tests.kafka.processes import Bridges
from tests.kafka.site import Site, site

_SEED = 20
#: Of each kind of fault.
_TIMES = 2
_NUMBERS = itertools.count(1)


@dataclass
class Play:
    """A run: its parts, what was put in, and what the faults found in their way."""

    here: Site
    broker: Broker
    server: Server
    bridges: Bridges
    reached: Path
    good: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    records: int = 0
    #: Records put and not taken when a fault struck, by fault.
    in_flight: Counter[str] = field(default_factory=Counter)

    async def feed(self) -> None:
        """New messages, the last one once more, and poison."""
        fresh = [mt548(f"F-{next(_NUMBERS):05d}", account="SAFE-0002") for _ in range(40)]
        poison = [f"poison {next(_NUMBERS)}"]
        again = self.good[-1:]
        await self.here.put(*fresh, *poison, *again)
        self.good += fresh
        self.bad += poison
        self.records += len(fresh) + len(poison) + len(again)

    async def taken(self) -> int:
        try:
            return await self.here.count("inbox_records")
        except psycopg.Error:  # the pool still holds sessions of the crashed server
            return 0

    async def until_all_taken(self) -> None:
        async def all_taken() -> bool:
            return await self.taken() >= self.records

        await self.here.until(all_taken, f"{self.records} records taken", seconds=60)

    def start_bridge(self) -> None:
        self.bridges.start(reached=self.reached)

    async def kill_a_bridge(self) -> None:
        self.bridges.crash(self.bridges.alive()[0])
        self.start_bridge()

    async def end_a_bridge(self) -> None:
        self.start_bridge()
        self.bridges.alive()[0].terminate()

    async def kill_the_broker(self) -> None:
        self.broker.kill()
        await asyncio.sleep(0.5)
        await asyncio.to_thread(self.broker.start)

    async def freeze_the_broker(self) -> None:
        self.broker.freeze()
        await asyncio.sleep(2)  # longer than a session of the group
        self.broker.thaw()

    async def crash_the_database(self) -> None:
        await asyncio.to_thread(self.server.crash_and_restart)

    async def deliver_everything_again(self) -> None:
        await self.bridges.stop()
        await self.here.rewind()
        self.start_bridge()
        self.start_bridge()


#: A fault, by what it is called.
_FAULTS: dict[str, Callable[[Play], Awaitable[None]]] = {
    "a bridge killed": Play.kill_a_bridge,
    "a bridge ended": Play.end_a_bridge,
    "the broker killed": Play.kill_the_broker,
    "the broker frozen": Play.freeze_the_broker,
    "the database crashed": Play.crash_the_database,
    "everything delivered again": Play.deliver_everything_again,
}


async def _strike(play: Play, fault: str) -> None:
    """While what was just put is being taken."""
    before = await play.taken()
    await play.feed()

    async def begun() -> bool:
        return await play.taken() > before

    await play.here.until(begun, f"a record taken before {fault}", seconds=60)
    play.in_flight[fault] += play.records - await play.taken()
    await _FAULTS[fault](play)
    await play.until_all_taken()


async def test_faults_of_every_kind_lose_nothing_and_double_nothing(own_broker, own_server, tmp_path):
    name = await asyncio.to_thread(own_server.migrated, f"kafka_{os.urandom(3).hex()}")
    await story.load_book(own_server.url(WORKER, name))
    faults = [fault for fault in _FAULTS for _ in range(_TIMES)]
    random.Random(_SEED).shuffle(faults)
    async with site(own_broker, own_server.url(WORKER, name), own_server.url(OWNER, name)) as here:
        bridges = Bridges({**here.settings, "kafka_session_seconds": 1.0, "log_level": "error"})
        play = Play(here, own_broker, own_server, bridges, tmp_path / "reached")
        try:
            play.start_bridge()
            play.start_bridge()
            for fault in faults:
                await _strike(play, fault)
            await here.until_sent(seconds=60)
        finally:
            await bridges.stop()
        checked = await check(here, good=play.good, bad=play.bad)
    seen = Counter(play.reached.read_text().splitlines())
    assert (checked.messages, checked.cases) == (len(play.good), len(play.good))
    assert checked.dead_letters == len(faults)
    assert checked.entries >= 2 * checked.messages > 0
    assert set(play.in_flight) == set(_FAULTS)
    assert sum(play.in_flight.values()) > 0, "no fault struck while a record was in flight"
    assert seen["redelivered"] >= _TIMES * len(play.good) // len(faults), "nothing was delivered again"
    assert seen["revoked"] > 0, "no partition changed hands"
    assert [p.exitcode for p in bridges.processes].count(-9) == _TIMES
