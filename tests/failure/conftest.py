"""A story's database, with the book loaded, and the settings of its worker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ci.local import story
from ci.local.killing import Workers
from ci.local.postgres import API, OWNER, WORKER, Server


@dataclass(frozen=True)
class Stage:
    """Where one story is played."""

    url: str
    owner: str
    api: str
    folder: Path
    workers: Workers

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox"


@pytest.fixture(scope="session")
def booked(postgres: Server, template: str) -> str:
    """A migrated database with the sample book, to be copied."""
    name = f"{template}_booked"
    if not postgres.has_database(name):
        postgres.create_database(name, template=template)
        asyncio.run(story.load_book(postgres.url(WORKER, name)))
    return name


@pytest.fixture
def stage(postgres: Server, booked: str, tmp_path: Path) -> Iterator[Stage]:
    with postgres.copy_of(booked) as name:
        url = postgres.url(WORKER, name)
        workers = Workers(story.worker_settings(url, tmp_path))
        yield Stage(url, postgres.url(OWNER, name), postgres.url(API, name), tmp_path, workers)
        asyncio.run(workers.stop())
