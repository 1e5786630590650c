"""What is done to a run: a function a kind of fault, and what each has hit. Two lanes strike at once: faults of this
table one after the other, and a process told to die at a commit.

The seed gives the same faults in the same order with the same durations; what is in their way is the machine's.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.failure.harness import readers, windows
from tests.failure.harness.driver import Api, Board
from tests.failure.harness.receiver import Mood
from tests.failure.harness.site import LINKS, Child, Site

#: Two days: further off than any limit that a worker could measure by its own clock.
_SKEW = 172_800.0
_PATIENCE = 3.0
#: How long an order to die stands, and of how many windows one is; the rarest come up every few seconds.
_ORDER_SECONDS, _ORDER_SIZE = 10.0, 8
_LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Needs:
    """What a run must have hit before it may end."""

    #: Strikes of each kind.
    strikes: int = 1
    #: Items in flight that each kind hit, in sum.
    in_flight: int = 1
    #: Deaths at each window, before its commit and after it.
    deaths: int = 1
    #: Faults in sum.
    faults: int = 1


@dataclass(frozen=True)
class Plan:
    """The schedule: the same for the same seed."""

    seed: int
    needs: Needs
    #: Seconds between two strikes, and between two orders to die: at least and at most.
    pause: tuple[float, float] = (0.2, 0.8)


@dataclass
class Counts:
    """What was hit."""

    strikes: Counter[str] = field(default_factory=Counter)
    in_flight: Counter[str] = field(default_factory=Counter)
    #: "window|before" or "window|after".
    deaths: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.strikes.total() + self.deaths.total()

    def lacking(self, needs: Needs) -> list[str]:
        """What has not been hit often enough, a sentence each."""
        found = [
            f"{kind} struck {self.strikes[kind]} times, {needs.strikes} are needed"
            for kind in FAULTS
            if self.strikes[kind] < needs.strikes
        ]
        found += [
            f"{kind} hit {self.in_flight[kind]} items in flight, {needs.in_flight} are needed"
            for kind in FAULTS
            if self.in_flight[kind] < needs.in_flight
        ]
        found += [
            f"{self.deaths[f'{name}|{when}']} deaths {when} {name}, {needs.deaths} are needed"
            for name, when in windows.moments()
            if self.deaths[f"{name}|{when}"] < needs.deaths
        ]
        if self.total < needs.faults:
            found.append(f"{self.total} faults, {needs.faults} are needed")
        return found

    def save(self, file: Path) -> None:
        file.write_text(json.dumps({name: dict(counter) for name, counter in vars(self).items()}))

    @classmethod
    def load(cls, file: Path) -> Counts:
        if not file.exists():
            return cls()
        return cls(**{name: Counter(found) for name, found in json.loads(file.read_text()).items()})


def strikes(seed: int) -> Iterator[tuple[str, random.Random]]:
    """The schedule: every kind once a round, each round in another order, each strike with its own dice."""
    rng = random.Random(f"{seed}/strikes")
    while True:
        kinds = sorted(FAULTS)
        rng.shuffle(kinds)
        for kind in kinds:
            yield kind, random.Random(rng.random())


def orders(seed: int, kind: str) -> Iterator[list[str]]:
    """Where processes of this kind are to die, some windows at a time: all of them a round, each in another order."""
    rng = random.Random(f"{seed}/orders/{kind}")
    mine = moments(kind)
    while True:
        rng.shuffle(mine)
        yield from (mine[n : n + _ORDER_SIZE] for n in range(0, len(mine), _ORDER_SIZE))


def moments(kind: str) -> list[str]:
    return [f"{name}|{when}" for name, when in windows.moments() if windows.every()[name] == kind]


class Fire:
    """Strikes until it is told to end."""

    def __init__(self, plan: Plan, place: Site, api: Api, board: Board, counts: Counts) -> None:
        self.plan, self.place, self.api, self.board, self.counts = plan, place, api, board, counts
        self._ending = asyncio.Event()
        self._lanes: list[asyncio.Task[None]] = []

    def start(self) -> list[asyncio.Task[None]]:
        self._lanes = [
            asyncio.create_task(self._strike()),
            *(asyncio.create_task(self._kill_at_windows(kind)) for kind in LINKS),
        ]
        return self._lanes

    def end(self) -> None:
        self._ending.set()

    async def settled(self) -> None:
        """Wait until the last fault is over."""
        self._ending.set()
        await asyncio.gather(*self._lanes)
        self._save()

    def _save(self) -> None:
        self.counts.save(self.place.folder / "counts.json")

    async def _strike(self) -> None:
        for kind, rng in strikes(self.plan.seed):
            if self._ending.is_set():
                return
            hit = await FAULTS[kind](self, rng)
            self.counts.strikes[kind] += 1
            self.counts.in_flight[kind] += hit
            self._save()
            await self.pause(rng.uniform(*self.plan.pause))

    async def _kill_at_windows(self, kind: str) -> None:
        targets = [child for child in self.place.children if child.kind == kind]
        rng = random.Random(f"{self.plan.seed}/pauses/{kind}")
        for order in orders(self.plan.seed, kind):
            if self._ending.is_set():
                return
            chosen = self._wanted(kind, order)
            await self._die_at(targets, chosen)
            await self.pause(rng.uniform(*self.plan.pause) if chosen else 0)

    def _wanted(self, kind: str, order: list[str]) -> set[str]:
        """What of an order is still needed; one window, now and then, when nothing is."""
        lacking = {m for m in moments(kind) if self.counts.deaths[m] < self.plan.needs.deaths}
        if lacking:
            return set(order) & lacking
        return set(order if self.counts.total < self.plan.needs.faults else order[:1])

    async def _die_at(self, targets: list[Child], order: set[str]) -> None:
        """Order every process of the kind to die at the first of these; once one has, at the others."""
        for child in targets:
            child.give(order)
        for _ in range(int(_ORDER_SECONDS / _LOOK_SECONDS)):
            await asyncio.sleep(_LOOK_SECONDS if order else 0)
            died = [moment for child in targets if (moment := child.obeyed())]
            self.counts.deaths.update(died)
            if died:
                order = order - set(died)
                for child in targets:
                    child.give(order)
            if not order or self._ending.is_set():
                break
        for child in targets:
            child.give(set())

    async def pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)

    # -- who is hit -------------------------------------------------------------------------------------------------

    async def busy_worker(self, rng: random.Random) -> tuple[Child, int]:
        """A worker that has items, and how many; after some patience any worker."""
        for _ in range(int(_PATIENCE / 0.1)):
            loads = {w.n: await self.items(w) for w in self.place.workers}
            busy = [w for w in self.place.workers if loads[w.n]]
            if busy:
                chosen = rng.choice(busy)
                return chosen, loads[chosen.n]
            await asyncio.sleep(0.1)
        return rng.choice(self.place.workers), 0

    async def items(self, child: Child | None = None) -> int:
        """Items in flight, of one worker or of all; waits while nobody has any."""
        return await asyncio.to_thread(self.place.running_items, child)

    async def items_of_all(self) -> int:
        for _ in range(int(_PATIENCE / 0.1)):
            if found := await self.items():
                return found
            await asyncio.sleep(0.1)
        return 0

    def requests(self, child: Child | None = None) -> int:
        """Requests in flight, at one api or at all."""
        return self.api.load[child.base_url] if child else sum(self.api.load.values())

    async def busy_api(self, rng: random.Random) -> tuple[Child, int]:
        for _ in range(int(_PATIENCE / 0.01)):
            busy = [a for a in self.place.apis if self.requests(a)]
            if busy:
                chosen = rng.choice(busy)
                return chosen, self.requests(chosen)
            await asyncio.sleep(0.01)
        return rng.choice(self.place.apis), 0


Fault = Callable[[Fire, random.Random], Awaitable[int]]

# -- the faults: each returns how many items (or requests, or streams) in flight it hit -------------------------------


async def kill_worker(fire: Fire, rng: random.Random) -> int:
    worker, hit = await fire.busy_worker(rng)
    worker.signal(signal.SIGKILL)
    return hit


async def kill_api(fire: Fire, rng: random.Random) -> int:
    api, hit = await fire.busy_api(rng)
    api.signal(signal.SIGKILL)
    return hit


async def freeze_worker(fire: Fire, rng: random.Random) -> int:
    """Past its lease, and then on: it must find that its items are others' now."""
    worker, hit = await fire.busy_worker(rng)
    worker.frozen = True
    worker.signal(signal.SIGSTOP)
    await asyncio.sleep(worker.settings["lease_seconds"] * rng.uniform(1.5, 2.5))
    worker.signal(signal.SIGCONT)
    worker.frozen = False
    return hit


async def drain_worker(fire: Fire, rng: random.Random) -> int:
    worker, hit = await fire.busy_worker(rng)
    worker.signal(signal.SIGTERM)
    await worker.gone()
    return hit


async def stop_api(fire: Fire, rng: random.Random) -> int:
    api, hit = await fire.busy_api(rng)
    api.signal(signal.SIGTERM)
    await api.gone()
    return hit


async def stop_postgres(fire: Fire, rng: random.Random) -> int:
    hit = await fire.items_of_all()
    await asyncio.to_thread(fire.place.database.stop_fast)
    await asyncio.sleep(rng.uniform(0.2, 2))
    await asyncio.to_thread(fire.place.database.start)
    return hit


async def kill_postgres(fire: Fire, rng: random.Random) -> int:
    """SIGKILL to all of it, in the middle of whatever it commits."""
    hit = await fire.items_of_all()
    await asyncio.to_thread(fire.place.database.kill)
    await asyncio.sleep(rng.uniform(0, 1))
    await asyncio.to_thread(fire.place.database.start)
    return hit


async def cut_connections(fire: Fire, rng: random.Random) -> int:
    """A few times in a row: whoever has a connection loses it."""
    hit = await fire.items_of_all()
    for _ in range(rng.randint(1, 4)):
        await asyncio.to_thread(_terminate_backends, fire.place)
        await asyncio.sleep(rng.uniform(0.05, 0.4))
    return hit


def _terminate_backends(place: Site) -> None:
    with place.admin() as conn:
        conn.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where usename in ('wo_api', 'wo_worker') and datname = current_database()"
        )


async def full_pool(fire: Fire, rng: random.Random) -> int:
    """Every statement of everybody waits for a lock, so every pool runs out of connections."""
    hit = await fire.items_of_all() + fire.requests()
    await asyncio.to_thread(_hold_tables, fire.place, rng.uniform(2.5, 5))
    return hit


def _hold_tables(place: Site, seconds: float) -> None:
    with suppress(psycopg.errors.DeadlockDetected), place.admin() as conn, conn.transaction():
        conn.execute("lock table work_items, cases, threads in access exclusive mode")
        conn.execute("select pg_sleep(%s)", (seconds,))


async def slow_link(fire: Fire, rng: random.Random) -> int:
    return await _bad_link(fire, rng, "latency", latency=rng.randint(50, 200), jitter=rng.randint(0, 100))


async def silent_link(fire: Fire, rng: random.Random) -> int:
    """Nothing passes and nobody is told; then all of it passes."""
    return await _bad_link(fire, rng, "timeout", timeout=0)


async def _bad_link(fire: Fire, rng: random.Random, toxic: str, **attributes: int) -> int:
    hit = await fire.items_of_all()
    link = rng.choice(LINKS)
    await asyncio.to_thread(lambda: fire.place.link.poison(link, toxic, **attributes))
    await asyncio.sleep(rng.uniform(2, 4))
    await asyncio.to_thread(fire.place.link.heal)
    return hit


async def cut_link(fire: Fire, rng: random.Random) -> int:
    hit = await fire.items_of_all()
    link = rng.choice(LINKS)
    for cut in (True, False):
        await asyncio.to_thread(lambda cut=cut: fire.place.link.cut(link, cut=cut))  # type: ignore[misc]
        await asyncio.sleep(rng.uniform(0.5, 3) if cut else 0)
    return hit


async def skew_clock(fire: Fire, rng: random.Random) -> int:
    """One worker lives two days ago or ahead for a while."""
    worker = rng.choice(fire.place.workers)
    worker.skew = rng.choice([-_SKEW, _SKEW])
    worker.signal(signal.SIGTERM)
    await worker.gone()
    while not worker.alive:
        await asyncio.sleep(_LOOK_SECONDS)
    skewed = worker.process
    await asyncio.sleep(rng.uniform(3, 6))
    hit = await asyncio.to_thread(fire.place.handled_items, worker) if worker.process is skewed else 0
    worker.skew = 0.0
    worker.signal(signal.SIGTERM)
    await worker.gone()
    return hit


def _bad_receiver(mood: Mood) -> Fault:
    async def strike(fire: Fire, rng: random.Random) -> int:
        """Until it has treated some requests badly."""
        receiver = fire.place.receiver
        before, receiver.mood = receiver.bad[mood], mood
        wanted = rng.randint(2, 5)
        for _ in range(80):
            await asyncio.sleep(0.1)
            if receiver.bad[mood] - before >= wanted:
                break
        receiver.mood = "honest"
        return receiver.bad[mood] - before

    return strike


async def stall_readers(fire: Fire, rng: random.Random) -> int:
    """Streams that are opened and never read, while the cases go on."""
    cases = fire.board.cases()[:10]
    api = rng.choice(fire.place.apis)
    try:
        async with readers.stalled(fire.api, api.base_url, cases) as hit:
            await asyncio.sleep(rng.uniform(1, 3))
            return int(hit)
    except OSError:
        return 0  # the api was down: it is struck again


FAULTS: dict[str, Fault] = {
    "kill worker": kill_worker, "kill api": kill_api, "freeze worker": freeze_worker, "drain worker": drain_worker,
    "stop api": stop_api, "stop postgres": stop_postgres, "kill postgres": kill_postgres,
    "cut connections": cut_connections, "full pool": full_pool, "slow link": slow_link, "silent link": silent_link,
    "cut link": cut_link, "skew clock": skew_clock, "stall readers": stall_readers,
    "receiver late": _bad_receiver("late"), "receiver answers twice": _bad_receiver("twice"),
    "receiver hangs up": _bad_receiver("cut"), "receiver errors": _bad_receiver("error"),
    "receiver conflict": _bad_receiver("conflict"), "receiver silent": _bad_receiver("silent"),
}  # fmt: skip
