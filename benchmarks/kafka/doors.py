"""The two doors, each as the process that production runs, and the parts around them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import Consumer

from ci.kafka.broker import Broker
from ci.local import story
from ci.local.killing import free_port
from ci.local.postgres import API, WORKER, Server
from tests.fin import mt548
from workflow_orchestration.api import tokens
from workflow_orchestration.domain import messages
from workflow_orchestration.domain.roles import Principal, Role
from workflow_orchestration.settings import Settings
from workflow_orchestration.store import messages as message_store
from workflow_orchestration.store.db import Pool, Row, make_pool, one, retrying
from workflow_orchestration.store.notify import CHANNEL

_CONNECTIONS = 16
_PARTITIONS = 8
#: How often it is looked whether all was taken; what looking costs is missing to the bridge.
_LOOK_SECONDS = 0.05
_SERVE = "from workflow_orchestration.cli.main import main; main()"
_KEY = "k" * 40


@dataclass(frozen=True)
class Rate:
    """Messages a second, and the CPU that the serving process took for one, in milliseconds."""

    per_second: float
    cpu_ms: float


@dataclass
class Place:
    """A broker, and a database with the sample book."""

    broker: Broker
    pool: Pool
    url: str

    @contextlib.asynccontextmanager
    async def serving(self, what: str, **settings: Any) -> AsyncIterator[tuple[Settings, psutil.Process]]:
        """`wo serve WHAT`, ended at the end of the block."""
        given = {
            "database_url": self.url, "api_port": free_port(), "metrics_port": free_port(), "log_level": "error",
            "local_issuer_key": _KEY, "rate_limit_per_minute": 100_000_000, **settings,
        }  # fmt: skip
        env = {k.upper(): v if isinstance(v, str) else json.dumps(v) for k, v in given.items()}
        # a session of its own: Linux shares the cores out by session, and in ours the broker and the client would take
        # from the door that is measured
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _SERVE, "serve", what, env={**os.environ, **env}, stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            yield Settings(**given), psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                await process.wait()


class ApiDoor:
    """POST /v1/messages on kept connections."""

    def __init__(self, here: Place) -> None:
        self._here = here

    async def rate(self, texts: Sequence[str]) -> Rate:
        async with self._here.serving("api") as (settings, process):
            token = tokens.issue(settings, "feed", ["event_ingest"], ["*"], 60)
            await _until_open(settings.api_port)
            await self._post(settings, token, iter([mt548("WARM-UP")]))
            todo = iter(texts)
            used, began = _cpu(process), time.perf_counter()
            await asyncio.gather(*[self._post(settings, token, todo) for _ in range(_CONNECTIONS)])
            seconds = time.perf_counter() - began
            return Rate(len(texts) / seconds, 1000 * (_cpu(process) - used) / len(texts))

    async def _post(self, settings: Settings, token: str, todo: Iterator[str]) -> None:
        """A client that costs little: what it takes is missing to the server on the same cores."""
        reader, writer = await asyncio.open_connection("127.0.0.1", settings.api_port)
        head = f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: text/plain\r\n"
        for text in todo:
            body = text.encode()
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 202"), answer
            length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()
        await writer.wait_closed()


class KafkaDoor:
    """Records that lie on a topic of their own before the bridge starts."""

    def __init__(self, here: Place) -> None:
        self._here = here

    def _topics(self) -> dict[str, Any]:
        name = uuid.uuid4().hex[:8]
        topics = {"kafka_message_topics": [f"in.{name}"], "kafka_dead_letter_topic": f"dead.{name}",
                  "kafka_events_topic": f"events.{name}"}  # fmt: skip
        self._here.broker.create_topics(f"in.{name}", f"dead.{name}", f"events.{name}", partitions=_PARTITIONS)
        return {**topics, "kafka_bootstrap_servers": self._here.broker.address, "kafka_group": f"group.{name}"}

    async def rate(self, texts: Sequence[str]) -> Rate:
        """From the first record's transaction until all are seen to be taken."""
        settings = self._topics()
        [topic] = settings["kafka_message_topics"]
        await asyncio.to_thread(self._put, topic, texts)
        async with self._here.serving("bridge", **settings) as (_, process):
            used = _cpu(process)
            while (found := await self._taken(topic))["n"] < len(texts):
                used = used if found["n"] else _cpu(process)
                await asyncio.sleep(_LOOK_SECONDS)
            return Rate(len(texts) / found["seconds"], 1000 * (_cpu(process) - used) / len(texts))

    def _put(self, topic: str, texts: Sequence[str]) -> None:
        producer = self._here.broker.producer()
        for text in texts:
            producer.produce(topic, text.encode(), text.split("RELA//")[1].split("\r")[0])
            producer.poll(0)
        assert producer.flush(60) == 0

    async def _taken(self, topic: str) -> Row:
        async with self._here.pool.connection() as conn:
            row = await one(
                conn,
                "select count(*) as n, extract(epoch from clock_timestamp() - min(taken_at))::float as seconds "
                "from inbox_records where topic = %(topic)s",
                {"topic": topic},
            )
        assert row is not None
        return row

    async def delays(self, count: int) -> list[float]:
        """Seconds from a log entry's time to its arrival at a consumer, ten messages (20 entries) in two seconds."""
        settings = self._topics()
        arrived: list[float] = []
        async with self._here.serving("bridge", **settings):
            consumer = Consumer({"bootstrap.servers": self._here.broker.address, "group.id": "delays",
                                 "auto.offset.reset": "latest", "fetch.wait.max.ms": 5})  # fmt: skip
            consumer.subscribe([settings["kafka_events_topic"]])
            begun = time.time() + 5  # by then it has its partitions, and what was logged before has gone out
            posting = asyncio.create_task(self._post_slowly(begun, count))
            while len(arrived) < count:
                message = await asyncio.to_thread(consumer.poll, 1.0)
                if message is None or message.error():
                    continue
                event = json.loads(message.value() or b"")
                at = _seconds_of(event["time"])
                if at > begun:
                    arrived.append(time.time() - at)
            await posting
            consumer.close()
        return arrived

    async def _post_slowly(self, begin: float, count: int) -> None:
        await asyncio.sleep(begin - time.time() + 0.1)
        desk = Principal("feed", frozenset({Role.EVENT_INGEST}), frozenset({"*"}))
        for n in range(count // 2 + 2):
            text = mt548(f"D-{n}-{begin:.0f}")
            parsed = messages.parse(text)
            await retrying(self._here.pool, lambda c, p=parsed, t=text: message_store.accept(c, p, t, desk))  # type: ignore[misc]
            async with self._here.pool.connection() as conn:
                await conn.execute("select pg_notify(%s, %s)", (CHANNEL, "work"))
            await asyncio.sleep(0.2)


def _seconds_of(stamp: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(stamp).timestamp()


def _cpu(process: psutil.Process) -> float:
    used = process.cpu_times()
    return used.user + used.system


async def _until_open(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
    """Everything of one run, in a folder of its own that is left empty."""
    server = await asyncio.to_thread(Server, folder / "postgres")
    name = f"bench_{uuid.uuid4().hex[:8]}"
    await asyncio.to_thread(server.migrated, name)
    broker = Broker(folder / f"broker-{name}")
    try:
        await asyncio.to_thread(broker.start)
        await story.load_book(server.url(WORKER, name))
        async with make_pool(server.url(API, name), size=2, name="bench") as pool:
            yield Place(broker, pool, server.url(API, name))
    finally:
        await asyncio.to_thread(broker.stop)
        await asyncio.to_thread(server.drop_database, name)
        await asyncio.to_thread(server.stop)
