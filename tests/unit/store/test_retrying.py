"""A transaction that lost a race is tried again: how often, how long it waits, and what ends it at once."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager

import pytest
from psycopg import errors

from workflow_orchestration.store import db
from workflow_orchestration.store.db import RacedError, retrying


class Pool:
    """Counts transactions; a connection is its number."""

    def __init__(self):
        self.begun = 0

    @asynccontextmanager
    async def connection(self):
        yield self

    @asynccontextmanager
    async def transaction(self):
        self.begun += 1
        yield


@pytest.fixture
def waits(monkeypatch):
    """What each wait between two tries would have been, drawn at its longest."""
    found = []

    async def sleep(seconds):
        found.append(round(seconds, 3))

    monkeypatch.setattr(random, "uniform", lambda least, most: most)
    monkeypatch.setattr(db.asyncio, "sleep", sleep)
    return found


def failing(times, error):
    """Work that fails so often and then says in which transaction it succeeded."""
    left = [times]

    async def work(conn):
        if left[0]:
            left[0] -= 1
            raise error
        return conn.begun

    return work


@pytest.mark.parametrize(
    "error",
    [
        RacedError("x"),
        errors.DeadlockDetected("x"),
        errors.LockNotAvailable("x"),
        errors.SerializationFailure("x"),
        errors.IdleInTransactionSessionTimeout("x"),
    ],
    ids=lambda e: type(e).__name__,
)
async def test_a_lost_race_is_tried_again_in_a_new_transaction(error, waits):
    assert await retrying(Pool(), failing(2, error)) == 3


async def test_five_lost_races_are_survived_with_ever_longer_waits(waits):
    assert await retrying(Pool(), failing(5, RacedError("x"))) == 6
    assert waits == [0.05, 0.1, 0.15, 0.2, 0.25]


async def test_the_sixth_lost_race_is_its_callers_to_tell_and_is_not_waited_after(waits):
    pool = Pool()
    with pytest.raises(RacedError, match="again and again"):
        await retrying(pool, failing(100, RacedError("again and again")))
    assert (pool.begun, len(waits)) == (6, 5)


async def test_what_a_new_try_cannot_cure_is_not_tried_again(waits):
    pool = Pool()
    with pytest.raises(errors.UniqueViolation):
        await retrying(pool, failing(1, errors.UniqueViolation("x")))
    assert (pool.begun, waits) == (1, [])


async def test_waits_differ_so_that_losers_do_not_meet_again(monkeypatch):
    drawn = []
    monkeypatch.setattr(random, "uniform", lambda least, most: drawn.append((least, most)) or 0.0)
    await retrying(Pool(), failing(1, RacedError("x")))
    assert drawn == [(0.005, 0.05)]
