"""The API as a process would run it: uvicorn on a free loopback port, on a real database of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg
from fastapi import FastAPI
from psycopg.rows import dict_row

from tests.platform import SAMPLE, free_port
from workflow_orchestration.api import tokens
from workflow_orchestration.api.app import create_app
from workflow_orchestration.api.server import Server
from workflow_orchestration.domain import book as books
from workflow_orchestration.settings import Settings
from workflow_orchestration.store import book
from workflow_orchestration.store.db import SESSION, Conn

T = TypeVar("T")
KEY = "k" * 40


@dataclass
class Live:
    """A running API. `client` speaks as somebody; `store` calls the store beside it, in one transaction."""

    settings: Settings
    app: FastAPI
    server: Server

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.api_port}"

    def token(self, user: str, roles: str, *, desks: str = "*", minutes: int = 60) -> str:
        return tokens.issue(self.settings, user, roles.split(), desks.split(), minutes)

    def client(self, user: str, roles: str, *, desks: str = "*") -> httpx.Client:
        return self.anybody(headers={"Authorization": f"Bearer {self.token(user, roles, desks=desks)}"})

    def anybody(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30, **options)

    def store(self, work: Callable[[Conn], Awaitable[T]]) -> T:
        return asyncio.run(in_transaction(self.settings, work))


async def in_transaction(settings: Settings, work: Callable[[Conn], Awaitable[T]]) -> T:
    options = " ".join(f"-c {k}={v}" for k, v in SESSION.items())
    url = settings.database_url.get_secret_value()
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True, row_factory=dict_row, options=options)
    async with connection, connection.transaction():
        return await work(connection)


def settings_for(url: str, folder: Path, **overrides: Any) -> Settings:
    return Settings(
        **{  # type: ignore[arg-type]
            "database_url": url,
            "local_issuer_key": KEY,
            "api_port": free_port(),
            "metrics_port": free_port(),
            "log_anchor_file": folder / "anchor.jsonl",
            "rate_limit_per_minute": 100_000,
            "stream_heartbeat_seconds": 0.3,
            **overrides,
        }
    )


@contextlib.contextmanager
def running(settings: Settings, *, wait: bool = True) -> Iterator[Live]:
    """Serve in a thread for the block; `wait` for the database too."""
    app = create_app(settings)
    server = Server(app, settings)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    live = Live(settings, app, server)
    try:
        until(lambda: server.started and (not wait or live.anybody().get("/ready").status_code == 200))
        yield live
    finally:
        server.should_exit = True
        asyncio_loop_stop(server)
        thread.join(15)
        assert not thread.is_alive(), "the API did not stop"


def asyncio_loop_stop(server: Server) -> None:
    """What SIGTERM would do in a process of its own."""
    if server.loop is not None and server.loop.is_running():
        server.loop.call_soon_threadsafe(server.services.stop)


def until(look: Callable[[], Any], *, seconds: float = 10) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come about in time")


def load_book(live: Live) -> None:
    """The shipped sample book: desk `rates` has SAFE-0001, desk `equities` SAFE-0002."""
    found = json.loads((SAMPLE / "book.json").read_text())

    async def load(conn: Conn) -> None:
        for kind, values in found.items():
            await book.put(conn, kind, [books.KINDS[kind].model_validate(v) for v in values], {"id": "loader"})

    live.store(load)


def sample(name: str) -> str:
    return (SAMPLE / "messages" / f"{name}.fin").read_bytes().decode()
