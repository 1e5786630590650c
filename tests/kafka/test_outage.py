"""Brokers or database away, slow or crashed: nothing is lost, nobody else waits, and no memory grows."""

from __future__ import annotations

import asyncio
import itertools
import os

import httpx
import psutil
import psycopg
from prometheus_client import REGISTRY

from ci.local import story
from ci.local.postgres import OWNER, WORKER
from tests.fin import mt548
from tests.kafka.check import check
from tests.kafka.processes import Bridges
from tests.kafka.site import site

_NUMBERS = itertools.count(1)


def _texts(count: int) -> list[str]:
    return [mt548(f"AWAY-{next(_NUMBERS):05d}") for _ in range(count)]


async def _ready(settings) -> int:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"http://127.0.0.1:{settings.metrics_port}/ready")).status_code


async def _until_ready(here, bridge, status: int) -> None:
    async def look() -> bool:
        return await _ready(bridge._settings) == status

    await here.until(look, f"/ready answers {status}")


async def test_a_broker_killed_and_started_again_loses_nothing_and_blocks_nobody(own_broker, postgres, booked):
    with postgres.copy_of(booked) as name:
        async with site(own_broker, postgres.url(WORKER, name), postgres.url(OWNER, name)) as here:
            bridge = await here.start()
            put = _texts(20)
            await here.put(*put[:10])
            await _until_ready(here, bridge, 200)
            await here.until_taken(5)
            own_broker.kill()
            posted = []
            for text in _texts(20):
                async with asyncio.timeout(1):  # the other door does not wait for Kafka
                    await here.post(text)
                posted.append(text)
            await _until_ready(here, bridge, 503)
            assert REGISTRY.get_sample_value("wo_bridge_broker_reachable") == 0
            await asyncio.to_thread(own_broker.start)
            await here.put(*put[10:])
            await here.until_taken(20, seconds=60)
            await here.until_sent(seconds=60)
            await _until_ready(here, bridge, 200)
            checked = await check(here, good=[*put, *posted])
            assert checked.cases == 40


async def test_a_broker_that_freezes_for_longer_than_a_session_loses_nothing(own_broker, postgres, booked):
    with postgres.copy_of(booked) as name:
        async with site(own_broker, postgres.url(WORKER, name), postgres.url(OWNER, name)) as here:
            await here.start(kafka_session_seconds=1.0)
            texts = _texts(30)
            await here.put(*texts[:15])
            await here.until_taken(1)
            own_broker.freeze()
            posted = _texts(5)
            for text in posted:
                await here.post(text)
            await asyncio.sleep(4)
            own_broker.thaw()
            await here.put(*texts[15:])
            await here.until_taken(30, seconds=60)
            await here.until_sent(seconds=60)
            assert (await check(here, good=[*texts, *posted])).cases == 35


async def test_a_database_crashed_in_mid_work_loses_nothing(broker, own_server):
    name = await asyncio.to_thread(own_server.migrated, f"kafka_{os.urandom(3).hex()}")
    await story.load_book(own_server.url(WORKER, name))
    async with site(broker, own_server.url(WORKER, name), own_server.url(OWNER, name)) as here:
        await here.start()
        texts = _texts(120)
        await here.put(*texts[:60])
        await here.until_taken(5)
        await asyncio.to_thread(own_server.crash_and_restart)
        await here.put(*texts[60:])
        await here.until(lambda: _taken(here, 120), "all taken", seconds=60)
        await here.until_sent(seconds=60)
        assert (await check(here, good=texts)).cases == 120


async def _taken(here, count: int) -> bool:
    try:
        return await here.count("inbox_records") >= count
    except psycopg.Error:  # the pool still holds sessions of the crashed server
        return False


async def test_a_slow_database_slows_delivery_and_no_memory_grows(here):
    """60 MiB wait in Kafka while the table is locked; the bridge holds its bound of it and goes on afterwards."""
    known = _texts(1)[0]
    await here.post(known)
    bridges = Bridges({**here.settings, "log_level": "error"})
    process = bridges.start()
    try:
        await here.put(known)
        await here.until_taken(1)
        memory = psutil.Process(process.pid)
        before = memory.memory_info().rss
        async with await psycopg.AsyncConnection.connect(here.settings["database_url"].replace(WORKER, OWNER)) as lock:
            await lock.execute("lock table messages in access exclusive mode")
            await here.put(*[known] * 12_000, headers=[("padding", b"x" * 5000)])
            most = 0
            for _ in range(25):
                await asyncio.sleep(0.2)
                most = max(most, memory.memory_info().rss - before)
            assert await here.as_owner_count("inbox_records") == 1
            await lock.rollback()
        await here.until_taken(12_001, seconds=60)
    finally:
        await bridges.stop()
    assert most < 48 * 2**20, f"{most / 2**20:.0f} MiB more than before"
    assert await here.count("messages") == 1


async def test_paused_partitions_go_on_once_the_database_does(here):
    known = _texts(1)[0]
    await here.post(known)
    async with await psycopg.AsyncConnection.connect(here.settings["database_url"].replace(WORKER, OWNER)) as lock:
        await lock.execute("lock table messages in access exclusive mode")
        await here.start()
        for partition in range(4):
            await here.put(*[known] * 2000, partition=partition)

        async def paused() -> bool:
            return REGISTRY.get_sample_value("wo_bridge_paused_partitions") == 4

        await here.until(paused, "all four partitions paused")
        await asyncio.sleep(1)
        assert REGISTRY.get_sample_value("wo_bridge_backlog_records") <= 4 * (400 + 201)
        await lock.rollback()
    await here.until_taken(8000)
    assert REGISTRY.get_sample_value("wo_bridge_paused_partitions") == 0


async def test_the_lag_is_a_number_for_each_partition(here, monkeypatch):
    monkeypatch.setattr("workflow_orchestration.bridge.inbound._LAG_SECONDS", 0.2)
    await here.put(*_texts(8))
    await here.start()
    await here.until_taken(8)

    async def none_left() -> bool:
        labels = [{"topic": here.topic, "partition": str(p)} for p in range(4)]
        return [REGISTRY.get_sample_value("wo_bridge_lag_records", at) for at in labels] == [0, 0, 0, 0]

    await here.until(none_left, "four partitions without lag")


async def test_a_bridge_told_to_stop_while_kafka_is_away_stops(own_broker, postgres, booked):
    with postgres.copy_of(booked) as name:
        async with site(own_broker, postgres.url(WORKER, name), postgres.url(OWNER, name)) as here:
            bridges = Bridges({**here.settings, "log_level": "error"})
            process = bridges.start()
            await here.put("poison", *_texts(1))
            await here.until_taken(2)
            own_broker.kill()
            await here.post(_texts(1)[0])
            await asyncio.sleep(1)
            process.terminate()
            await asyncio.to_thread(process.join, 15)
            assert process.exitcode == 0
