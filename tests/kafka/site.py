"""The two ends of the bridge, as a test sees them: records put in and taken out, rows of the database."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, ConsumerGroupState, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from ci.kafka.broker import Broker
from ci.local.killing import free_port
from workflow_orchestration.bridge.main import Bridge
from workflow_orchestration.domain import messages
from workflow_orchestration.domain.roles import Principal, Role
from workflow_orchestration.settings import Settings
from workflow_orchestration.store import messages as message_store
from workflow_orchestration.store.db import Pool, Row, make_pool, retrying, rows
from workflow_orchestration.store.notify import CHANNEL

DESK = Principal("u_desk", frozenset({Role.REQUESTER}), frozenset({"*"}))


@dataclass
class Site:
    broker: Broker
    pool: Pool
    owner: Pool
    settings: dict[str, Any]
    topic: str
    dead: str
    events: str
    bridges: list[tuple[Bridge, asyncio.Task[None]]] = field(default_factory=list)

    # -- the bridge in this process ---------------------------------------------------------------------------------

    def make(self, **overrides: Any) -> Settings:
        return Settings(**{**self.settings, "metrics_port": free_port(), **overrides})

    async def start(self, **overrides: Any) -> Bridge:
        bridge = Bridge(self.make(**overrides))
        self.bridges.append((bridge, asyncio.create_task(bridge.run())))
        return bridge

    async def stop(self, index: int = -1) -> None:
        bridge, task = self.bridges.pop(index)
        bridge.stop()
        async with asyncio.timeout(20):
            await task

    # -- Kafka --------------------------------------------------------------------------------------------------------

    async def put(self, *texts: str | bytes | None, topic: str | None = None, partition: int = -1,
                  key: str | None = None, headers: list[tuple[str, bytes]] | None = None) -> None:  # fmt: skip
        def send() -> None:
            producer = self.broker.producer()
            for text in texts:
                value = text.encode() if isinstance(text, str) else text
                producer.produce(topic or self.topic, value, key, partition, headers=headers)
                producer.poll(0)
            assert producer.flush(30) == 0

        await asyncio.to_thread(send)

    async def read(self, topic: str) -> list[Message[Any, Any]]:
        """All records of a topic, each partition's in order."""
        return await asyncio.to_thread(read_all, self.broker, topic)

    async def events_by_case(self) -> dict[str, list[dict[str, Any]]]:
        """What lies on the events topic, a case's events in the order in which a consumer gets them."""
        found = defaultdict(list)
        places: dict[str, set[int]] = defaultdict(set)
        for message in await self.read(self.events):
            stream = (message.key() or b"").decode()
            found[stream].append(json.loads(message.value() or b""))
            places[stream].add(message.partition() or 0)
        assert all(len(p) == 1 for p in places.values()), "a case's events lie in several partitions"
        return found

    async def committed(self) -> int:
        """Sum of the group's committed offsets."""

        def ask() -> int:
            group = self.settings["kafka_group"]
            consumer = Consumer({"bootstrap.servers": self.broker.address, "group.id": group})
            try:
                every = [TopicPartition(self.topic, p) for p in range(4)]
                return sum(max(0, p.offset) for p in consumer.committed(every, timeout=10))
            finally:
                consumer.close()

        return await asyncio.to_thread(ask)

    async def rewind(self) -> None:
        """Let the group forget how far it was, once its last member is gone: everything is delivered again."""
        group = self.settings["kafka_group"]

        def is_empty() -> bool:
            admin = AdminClient({"bootstrap.servers": self.broker.address})  # its answers end with it
            found = admin.describe_consumer_groups([group])[group].result(timeout=10)
            return found.state in (ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD)

        def forget() -> None:
            consumer = Consumer({"bootstrap.servers": self.broker.address, "group.id": group})
            consumer.commit(offsets=[TopicPartition(self.topic, p, 0) for p in range(4)], asynchronous=False)
            consumer.close()

        # a member that was killed stays until its session has run out
        await self.until(lambda: asyncio.to_thread(is_empty), "an empty group")
        await asyncio.to_thread(forget)

    # -- the database -------------------------------------------------------------------------------------------------

    async def sql(self, statement: str, **params: Any) -> list[Row]:
        async with self.pool.connection() as conn:
            return await rows(conn, statement, params)

    async def count(self, what: str) -> int:
        [row] = await self.sql(f"select count(*) as n from {what}")
        return int(row["n"])

    async def as_owner_count(self, what: str) -> int:
        async with self.owner.connection() as conn:
            return int((await rows(conn, f"select count(*) as n from {what}"))[0]["n"])

    async def as_owner_do(self, statement: str) -> None:
        async with self.owner.connection() as conn:
            await conn.execute(statement)

    async def post(self, text: str) -> message_store.Accepted:
        """Through the API's door, with the wake-up that follows it."""
        parsed = messages.parse(text)
        accepted = await retrying(self.pool, lambda c: message_store.accept(c, parsed, text, DESK))
        async with self.pool.connection() as conn:
            await conn.execute("select pg_notify(%s, %s)", (CHANNEL, "work"))
        return accepted

    # -- waiting ------------------------------------------------------------------------------------------------------

    async def until(self, look: Callable[[], Any], what: str, *, seconds: float = 30) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for _, task in self.bridges:
                if task.done():
                    task.result()
            if found := await look():
                return found
            await asyncio.sleep(0.05)
        raise AssertionError(f"not within {seconds:.0f} s: {what}")

    async def until_taken(self, count: int, *, seconds: float = 30) -> None:
        async def taken() -> bool:
            return await self.count("inbox_records") >= count

        await self.until(taken, f"{count} records taken", seconds=seconds)

    async def until_sent(self, *, seconds: float = 30) -> None:
        """Until the outbox says that all of the log was sent."""

        async def all_sent() -> bool:
            return await self.count("log_streams l left join outbox_streams s using (stream) where "
                                    "l.seq > coalesce(s.seq, 0)") == 0  # fmt: skip

        await self.until(all_sent, "all of the log sent", seconds=seconds)


def read_all(broker: Broker, topic: str) -> list[Message[Any, Any]]:
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "reader", "enable.partition.eof": True,
                         "auto.offset.reset": "earliest", "enable.auto.commit": False})  # fmt: skip
    try:
        known = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, p, 0) for p in known])
        found, left = [], len(known)
        while left:
            message = consumer.poll(10)
            assert message is not None, f"{topic} cannot be read"
            if message.error():
                left -= 1
            else:
                found.append(message)
        return found
    finally:
        consumer.close()


@contextlib.asynccontextmanager
async def site(broker: Broker, url: str, owner: str) -> AsyncIterator[Site]:
    name = uuid.uuid4().hex[:8]
    topic, dead, events = f"in.{name}", f"dead.{name}", f"events.{name}"
    await asyncio.to_thread(broker.create_topics, topic, dead, events)
    settings = {
        "database_url": url, "database_pool_size": 6, "kafka_bootstrap_servers": broker.address,
        "kafka_message_topics": [topic], "kafka_dead_letter_topic": dead, "kafka_events_topic": events,
        "kafka_group": f"group.{name}", "kafka_session_seconds": 3.0, "log_level": "warning",
    }  # fmt: skip
    async with make_pool(url, size=4, name="test") as pool, make_pool(owner, size=2, name="owner") as owner_pool:
        found = Site(broker, pool, owner_pool, settings, topic, dead, events)
        try:
            yield found
        finally:
            while found.bridges:
                await found.stop()
