"""When a heart that cannot reach the database gives its items up, and how long it waits to find out; on a clock of the
test's own.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from psycopg_pool import PoolTimeout

from workflow_orchestration.worker import lease
from workflow_orchestration.worker.lease import Heart, Lease

#: Seconds, as a worker has them: its last word before the end of a lease is due after 10 - 3 - 0.75.
LEASE, BEAT, SHORTEST = 10, 3, 0.75


class NoDatabase:
    @asynccontextmanager
    async def connection(self):
        raise PoolTimeout("couldn't get a connection")
        yield


@pytest.fixture
def clock(monkeypatch):
    """`clock.now` is the time; `clock.waits` how long each beat would have been waited for."""
    found = SimpleNamespace(now=1000.0, waits=[])

    def timeout(seconds):
        found.waits.append(round(seconds, 3))
        return asyncio.timeout(seconds)

    monkeypatch.setattr(lease, "time", SimpleNamespace(monotonic=lambda: found.now))
    monkeypatch.setattr(lease, "asyncio", SimpleNamespace(timeout=timeout, sleep=asyncio.sleep))
    return found


@pytest.fixture
def heart(clock):
    return Heart(NoDatabase(), LEASE, BEAT)


def hold(heart, *items):
    told = []
    for item in items:
        heart.hold(Lease(item, 1), lambda why, item=item: told.append((item, why)))
    return told


@pytest.mark.parametrize(("silent", "lost"), [(3, False), (6, False), (6.25, False), (6.3, True), (9, True)])
async def test_items_are_given_up_at_the_last_verdict_before_their_lease_may_end(silent, lost, heart, clock):
    told = hold(heart, "a", "b")
    clock.now += silent
    await heart.beat()
    assert told == ([("a", "lost"), ("b", "lost")] if lost else [])


@pytest.mark.parametrize(
    ("silent", "seconds"), [(0, 3), (6, 3), (6.25, 3), (7, 2.25), (8.5, SHORTEST), (9, SHORTEST), (12, SHORTEST)]
)
async def test_a_beat_is_waited_for_until_the_next_one_or_the_last_verdict(silent, seconds, heart, clock):
    hold(heart, "a")
    clock.now += silent
    await heart.beat()
    assert clock.waits == [seconds]


async def test_the_silence_is_counted_from_the_first_item_that_is_held(heart, clock):
    clock.now += 100
    told = hold(heart, "a")
    clock.now += 6
    hold(heart, "b")  # the heart beats already: this one changes nothing
    await heart.beat()
    assert told == []
    clock.now += 1
    await heart.beat()
    assert told == [("a", "lost")]


async def test_what_was_given_up_is_told_once(heart, clock):
    told = hold(heart, "a")
    clock.now += 9
    await heart.beat()
    await heart.beat()
    assert told == [("a", "lost")]


@pytest.mark.parametrize("items", [(), ("a",)])
async def test_a_heart_beats_again_and_again_while_it_has_items_and_asks_nobody_without(items, clock):
    heart = Heart(NoDatabase(), LEASE, 0.001)
    hold(heart, *items)
    beating = asyncio.create_task(heart.run())
    await asyncio.sleep(0.05)
    beating.cancel()
    await asyncio.gather(beating, return_exceptions=True)
    assert (len(clock.waits) > 1) == bool(items)


async def test_an_item_that_is_dropped_is_given_up_no_more(heart, clock):
    told = hold(heart, "a", "b")
    heart.drop(Lease("a", 1))
    heart.drop(Lease("b", 2))  # another claim's
    heart.drop(Lease("c", 1))  # nobody's
    clock.now += 9
    await heart.beat()
    assert told == [("b", "lost")]


class Database:
    @asynccontextmanager
    async def connection(self):
        yield None


@pytest.mark.parametrize("answer", [{}, {"a": "cancelled"}], ids=["lost", "cancelled"])
async def test_an_item_that_ended_while_its_beat_was_under_way_is_told_nothing(answer, clock, monkeypatch):
    heart = Heart(Database(), LEASE, BEAT)
    told = hold(heart, "a")

    async def heartbeat(conn, items, *, lease):
        heart.drop(Lease("a", 1))
        return answer

    monkeypatch.setattr(lease.work, "heartbeat", heartbeat)
    await heart.beat()
    assert told == []
