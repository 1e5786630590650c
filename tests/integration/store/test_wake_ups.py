"""Wake-ups between processes: what is said once is heard once, and costs no write its safety."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from workflow_orchestration.store.notify import Listener, Notifier


@pytest.fixture
async def heard(database, pool):
    """What another process hears, and the notifier that it hears."""
    words: list[str] = []
    notifier = Notifier(pool)
    helpers = [asyncio.create_task(job) for job in (Listener(database.api, words.append).run(), notifier.run())]
    async with asyncio.timeout(10):
        while words != ["*"]:
            await asyncio.sleep(0.01)
    yield notifier, words
    for helper in helpers:
        helper.cancel()
    await asyncio.gather(*helpers, return_exceptions=True)


async def _until(words: list[str], wanted: set[str]) -> None:
    async with asyncio.timeout(10):
        while not wanted <= set(words):
            await asyncio.sleep(0.01)


async def test_each_word_is_heard_once_also_those_said_while_others_leave(heard):
    notifier, words = heard
    said = {f"w{n}" for n in range(200)}
    for word in sorted(said):
        notifier.wake(word)
        if word == "w150":
            await asyncio.sleep(0.01)  # the first are on their way
    await _until(words, said)
    assert len(words) == 1 + len(said)


async def test_a_wake_up_leaves_its_session_as_durable_as_it_was(heard, pool):
    notifier, words = heard
    for n in range(20):
        notifier.wake(f"w{n}")
        await _until(words, {f"w{n}"})
    async with contextlib.AsyncExitStack() as opened:
        every = [await opened.enter_async_context(pool.connection()) for _ in range(8)]
        for conn in every:
            [shown] = await (await conn.execute("show synchronous_commit")).fetchall()
            assert shown == {"synchronous_commit": "on"}
