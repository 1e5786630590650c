"""Processes to measure: PostgreSQL of its own with fsync on, and api and workers as `make up` runs them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ci.local.killing import free_port
from ci.local.postgres import API, WORKER, Server

ROOT = Path(__file__).resolve().parents[2]
KEY = "a key for this machine alone, of 32 bytes"
_TEMPLATE = "bench_template"
#: A benchmark's client is one principal: the product's limit is for people.
_UNLIMITED = "100000000"


def postgres() -> Server:
    return Server(ROOT / ".state" / "bench-postgres")


def template(server: Server) -> str:
    """A migrated database; brought up to date when migrations were added."""
    return server.migrated(_TEMPLATE)


@dataclass
class Site:
    """One api and its workers on one database. Default settings, unless said otherwise in `settings`."""

    server: Server
    database: str
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    api_port: int = field(default_factory=free_port)
    api: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox"

    def pids(self) -> dict[str, list[int]]:
        assert self.api is not None
        assert self.server.pid is not None
        return {"api": [self.api.pid], "worker": [w.pid for w in self.workers], "postgres": [self.server.pid]}

    def start_api(self) -> None:
        self.api = self._start("api", self.server.url(API, self.database), {"API_PORT": str(self.api_port)})

    def start_worker(self) -> subprocess.Popen[bytes]:
        process = self._start("worker", self.server.url(WORKER, self.database), {})
        self.workers.append(process)
        return process

    def _start(self, kind: str, url: str, more: dict[str, str]) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": os.environ["PATH"], "DATABASE_URL": url, "LOCAL_ISSUER_KEY": KEY, "METRICS_PORT": str(free_port()),
            "EFFECTS_URL": f"file:{self.outbox}", "LOG_ANCHOR_FILE": str(self.folder / "anchor.jsonl"),
            "RATE_LIMIT_PER_MINUTE": _UNLIMITED, "LOG_LEVEL": "warning", "PYTHONPATH": str(ROOT), **more,
            **self.settings}  # fmt: skip
        said = (self.folder / f"{kind}-{len(self.workers)}.log").open("ab")
        return subprocess.Popen([sys.executable, "-m", "benchmarks.engine.serve", kind], env=environment,
                                cwd=self.folder, stdout=said, stderr=subprocess.STDOUT)  # fmt: skip

    async def ready(self) -> None:
        """Both kinds of process serve; the worker says so at its probes, which cost a claim nothing."""
        async with httpx.AsyncClient() as client, asyncio.timeout(60):
            while not await _answers(client, f"{self.base_url}/ready"):
                await asyncio.sleep(0.05)
        await asyncio.sleep(3)  # the worker loads its calendars before its first claim

    def stop(self) -> None:
        for process in [*self.workers, self.api]:
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        deadline = time.monotonic() + 30
        for process in [*self.workers, self.api]:
            if process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.1, deadline - time.monotonic()))
                process.kill()


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except httpx.HTTPError:
        return False


@contextlib.asynccontextmanager
async def running(server: Server, folder: Path, *, workers: int = 1, **settings: Any) -> AsyncIterator[Site]:
    """A site on a fresh database."""
    folder.mkdir(parents=True, exist_ok=True)
    with server.copy_of(await asyncio.to_thread(template, server)) as database:
        site = Site(server, database, folder, {name.upper(): str(value) for name, value in settings.items()})
        site.start_api()
        for _ in range(workers):
            site.start_worker()
        try:
            await site.ready()
            yield site
        finally:
            site.stop()
