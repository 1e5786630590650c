"""Readers of a case's log: moved between api processes, too slow for them, and very many."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from tests.conftest import Database
from tests.failure.harness import people
from tests.failure.harness.site import KEY, Child, settings
from tests.integration.api import live as lives
from tests.integration.store.scene import DESK, SUE, Scene
from workflow_orchestration.api.routers import events as endpoint
from workflow_orchestration.store import lifecycle, log, work
from workflow_orchestration.store.db import Row, make_pool, retrying, transaction
from workflow_orchestration.store.notify import Notifier

_ENTRIES = 400
_STREAMS = 500
_MOST_BYTES = 100 * 2**20
#: What claims keep of their speed while 500 streams are open; the api has the same two cores.
_LEAST_RATIO = 0.5  # 0.85 to 1.04 on a quiet machine; what else runs moves the ratio by a third
_CLAIMS = 400
_SECONDS = 60.0


@pytest.fixture
async def scene(database):
    async with make_pool(database.worker, size=4, name="test") as pool:
        yield Scene(pool)


@pytest.fixture
async def apis(database, tmp_path):
    """Two api processes on one database."""
    children = [api_process(database.api, tmp_path, n) for n in range(2)]
    try:
        async with httpx.AsyncClient() as client:
            for child in children:
                await ready(client, child.base_url)
        yield children
    finally:
        for child in children:
            child.process.kill()


def api_process(url: str, folder: Path, n: int) -> Child:
    chosen = settings(folder, "api", url, f"file:{folder}")
    del chosen["kind"]
    child = Child("api", n, chosen, folder)
    child.start()
    return child


async def ready(client: httpx.AsyncClient, url: str) -> None:
    async with asyncio.timeout(_SECONDS):
        while True:
            try:
                if (await client.get(f"{url}/ready")).is_success:
                    return
            except httpx.TransportError:
                pass  # it has not begun to listen
            await asyncio.sleep(0.05)


AUTH = {"Authorization": f"Bearer {people.tokens(KEY)['aud']}", "Accept": "text/event-stream"}


@asynccontextmanager
async def stream(url: str, case: str, after: int) -> AsyncIterator[AsyncIterator[str]]:
    async with (
        httpx.AsyncClient(timeout=30) as client,
        client.stream("GET", f"{url}/v1/cases/{case}/events", headers={**AUTH, "Last-Event-ID": str(after)}) as answer,
    ):
        assert answer.status_code == httpx.codes.OK
        yield answer.aiter_lines()


async def read(url: str, case: str, seen: list[int], *, at_most: int) -> bool:
    """Go on after what was seen; True when the stream said that this is all."""
    async with stream(url, case, seen[-1] if seen else 0) as lines:
        took = 0
        async for line in lines:
            if line.startswith("id: "):
                seen.append(int(line[4:]))
                took += 1
            if line == "event: end":
                return True
            if took == at_most and not line:
                return False
    return False


async def say(scene: Scene, case: str, count: int, *, size: int = 10) -> None:
    """Entries one by one, each woken for as a worker would."""
    notifier = Notifier(scene.pool)
    sender = asyncio.create_task(notifier.run())
    for n in range(count):
        entry = log.Entry("note", DESK.actor(), {"n": n, "text": "x" * size})
        await retrying(scene.pool, lambda c, e=entry: log.append(c, case, [e]))
        notifier.wake(case)
    await asyncio.sleep(0.05)
    sender.cancel()


async def test_a_reader_moved_between_two_apis_sees_every_entry_once_and_in_order(scene, apis):
    case = (await scene.open()).case
    writer = asyncio.create_task(say(scene, case, _ENTRIES))
    seen: list[int] = []
    turn = 0
    while len(seen) < _ENTRIES + 1:
        turn += 1
        await read(apis[turn % 2].base_url, case, seen, at_most=min(7, _ENTRIES + 1 - len(seen)))
    await writer
    await retrying(scene.pool, lambda c: lifecycle.cancel(c, case, actor=SUE.actor()))
    while not await read(apis[0].base_url, case, seen, at_most=1000):
        pass
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) == _ENTRIES + 2
    assert turn > _ENTRIES // 10


async def test_a_reader_whose_api_is_killed_goes_on_at_the_other_one(scene, apis):
    case = (await scene.open()).case
    await say(scene, case, 30)
    seen: list[int] = []
    async with stream(apis[0].base_url, case, 0) as lines:
        async for line in lines:
            if line.startswith("id: "):
                seen.append(int(line[4:]))
            if len(seen) == 10:
                apis[0].process.kill()
                break
    await retrying(scene.pool, lambda c: lifecycle.cancel(c, case, actor=SUE.actor()))
    assert await read(apis[1].base_url, case, seen, at_most=1000)
    assert seen == list(range(1, 33))


async def test_a_slow_reader_is_cut_and_resumes_where_it_was_at_another_api(scene, database, tmp_path, monkeypatch):
    monkeypatch.setattr(endpoint, "SEND_SECONDS", 0.5)
    case = (await scene.open()).case
    for _ in range(12):
        entries = [log.Entry("bulk", DESK.actor(), {"text": "x" * 4000})] * 100
        await retrying(scene.pool, lambda c, e=entries: log.append(c, case, e))
    await retrying(scene.pool, lambda c: lifecycle.cancel(c, case, actor=SUE.actor()))
    seen: list[int] = []
    chosen = {"local_issuer_key": KEY}
    with (
        lives.running(lives.settings_for(database.api, tmp_path, **chosen)) as one,
        lives.running(lives.settings_for(database.api, tmp_path, **chosen)) as other,
    ):
        assert await cut(one, case, seen)
        assert 0 < len(seen) < 1202
        assert await read(other.url, case, seen, at_most=5000)
    assert seen == list(range(1, 1203))


async def cut(api: lives.Live, case: str, seen: list[int]) -> bool:
    """Read a little and then nothing, until the api has closed the stream; True when it did."""
    streams = api.app.state.services.metrics.streams
    try:
        async with stream(api.url, case, 0) as lines:
            async for line in lines:
                if line.startswith("id: "):
                    seen.append(int(line[4:]))
                if len(seen) == 5 and not line:
                    return await until(lambda: streams._value.get() == 0)
    except httpx.TransportError:
        return True
    return False


async def until(look: Any) -> bool:
    async with asyncio.timeout(20):
        while not look():
            await asyncio.sleep(0.05)
    return True


async def test_500_open_streams_cost_less_than_100_mib_and_do_not_slow_claims(scene, apis, database):
    api, _ = apis
    cases = [(await scene.open()).case for _ in range(_CLAIMS)]
    process = psutil.Process(api.process.pid)
    async with streams(api, cases, 20):  # what any first streams cost is not what 500 cost
        pass
    before, alone = process.memory_info().rss, await claim_rates(scene, database)
    async with streams(api, cases, _STREAMS):
        after, beside = process.memory_info().rss, await claim_rates(scene, database)
    alone += await claim_rates(scene, database)
    ratio = max(beside) / max(alone)  # of the best: what else runs on the machine slows some of them
    print(f"{(after - before) / 2**20:.1f} MiB, claims at {ratio:.2f} of their speed")
    assert after - before < _MOST_BYTES
    assert ratio >= _LEAST_RATIO, f"claims a second: alone {alone}, beside 500 streams {beside}"


@asynccontextmanager
async def streams(api: Child, cases: list[str], count: int) -> AsyncIterator[None]:
    """So many open streams, each past its first entry."""
    host, port = api.base_url.removeprefix("http://").split(":")
    writers = []
    try:
        for n in range(count):
            reader, writer = await asyncio.open_connection(host, int(port))
            writers.append(writer)
            head = "".join(f"{name}: {value}\r\n" for name, value in AUTH.items())
            path = f"/v1/cases/{cases[n % len(cases)]}/events"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{head}\r\n".encode())
            async with asyncio.timeout(_SECONDS):
                await reader.readuntil(b"id: 1")
        yield
    finally:
        for writer in writers:
            writer.close()


async def claim_rates(scene: Scene, database: Database) -> list[float]:
    """Claims a second, one by one, some times over; what earlier claims left behind is swept first."""
    found = []
    for _ in range(4):
        with psycopg.connect(database.owner, autocommit=True) as owner:
            owner.execute("vacuum full work_items")
        await scene.sql("update work_items set status = 'pending', attempt = 0, not_before = now() where kind = 'run'")
        began = time.perf_counter()
        claimed = [len(await claim_one(scene)) for _ in range(_CLAIMS)]
        found.append(sum(claimed) / (time.perf_counter() - began))
        assert sum(claimed) == _CLAIMS
    return found


async def claim_one(scene: Scene) -> list[Row]:
    async with transaction(scene.pool) as conn:
        return await work.claim(conn, worker="w", limit=1, lease=60, max_attempts=5)
