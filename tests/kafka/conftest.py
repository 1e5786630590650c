"""A real broker, started once; topics, a group and a database of its own for each test."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from ci.kafka.broker import Broker
from ci.local import story
from ci.local.postgres import OWNER, WORKER, Server
from tests.conftest import ROOT
from tests.kafka.site import Site, site

pytestmark = pytest.mark.kafka


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.kafka)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    if shutil.which("java") is None or shutil.which("mvn") is None:
        pytest.skip("Kafka's broker needs Java 17 and Maven")
    found = Broker(tmp_path_factory.mktemp("kafka") / "broker")
    found.start()
    yield found
    found.stop()


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker that a test may kill."""
    found = Broker(tmp_path / "broker")
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="session")
def booked(postgres: Server, template: str) -> str:
    """A migrated database with the sample book, to be copied."""
    name = f"{template}_booked"
    if not postgres.has_database(name):
        postgres.create_database(name, template=template)
        asyncio.run(story.load_book(postgres.url(WORKER, name)))
    return name


@pytest.fixture
async def here(broker: Broker, postgres: Server, booked: str) -> AsyncIterator[Site]:
    """Where one test plays: the shared broker, topics and a database of its own."""
    with postgres.copy_of(booked) as name:
        async with site(broker, postgres.url(WORKER, name), postgres.url(OWNER, name)) as found:
            yield found


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A PostgreSQL that a test may crash; in a folder of its own each time, for its library remembers folders."""
    folder = ROOT / ".state" / f"own-postgres-kafka-{os.urandom(4).hex()}"
    server = Server(folder)
    yield server
    server.stop()
    shutil.rmtree(folder)
