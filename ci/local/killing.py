"""Kill a worker with SIGKILL at a chosen commit, restart it, and see whether the story ends the same.

The windows are found, not listed: every commit of the worker's process is counted (a node's rows, LangGraph's
checkpoint writes, the finish, the judgement and the record of a delivery, a claim), and each is a place to die
just before and just after. Nothing in the product knows of this: the child process counts by wrapping psycopg.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Literal

When = Literal["before", "after"]
_PRELOAD = ["workflow_orchestration.worker.main", "exchange_calendars", "holidays", "ci.local.killing"]


@dataclass(frozen=True)
class Kill:
    """What the worker does to itself at its n-th commit (1-based), just before it or just after it."""

    n: int
    when: When
    signal: int = signal.SIGKILL
    #: The n-th commit of this name alone counts; n = 0: the first, in every life of the worker.
    name: str | None = None


def context() -> Any:
    """Workers start in milliseconds: a server process has imported everything and forks."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(_PRELOAD)
    return found


def worker_process(settings: dict[str, Any], kill: Kill | None, windows: str | None) -> None:
    """A worker, in a process of its own, that dies at its commit if it is told to."""
    from workflow_orchestration.settings import Settings
    from workflow_orchestration.worker.main import serve

    _count_commits(kill, Path(windows) if windows else None)
    with open(os.devnull, "w") as quiet, contextlib.redirect_stdout(quiet):
        asyncio.run(serve(Settings(**settings)))


def _count_commits(kill: Kill | None, windows: Path | None) -> None:
    import psycopg

    from workflow_orchestration.store import work

    counts: Counter[str | None] = Counter()

    def at_commit(when: When, name: str) -> None:
        if when == "before":
            counts.update((None, name))
            if windows is not None:
                with windows.open("a") as out:
                    out.write(name + "\n")
        if kill is None or when != kill.when or kill.name not in (None, name):
            return
        if counts[kill.name] == kill.n or kill.n == 0:
            os.kill(os.getpid(), kill.signal)

    transaction = psycopg.AsyncConnection.transaction

    @contextlib.asynccontextmanager
    async def counted(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        outermost = self.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        name = _who()
        async with transaction(self, *args, **kwargs) as inner:
            yield inner
            if outermost:
                at_commit("before", name)
        if outermost:
            at_commit("after", name)

    claim = work.claim

    async def counted_claim(*args: Any, **kwargs: Any) -> Any:
        claimed = await claim(*args, **kwargs)
        if claimed:
            at_commit("before", "claim")
            at_commit("after", "claim")
        return claimed

    psycopg.AsyncConnection.transaction = counted  # type: ignore[method-assign]
    work.claim = counted_claim


def _who() -> str:
    """The window's name: the node, or the function of ours (or of the saver) that commits."""
    skipped = ("contextlib.py", "killing.py", "db.py")
    frame = sys._getframe(1)
    while frame is not None:
        file, name = frame.f_code.co_filename, frame.f_code.co_name
        if file.endswith("workflows/common/context.py") and "function" in frame.f_locals:
            return f"node {frame.f_locals['function'].__name__}"
        if file.endswith("workflow_orchestration/llm/recorded.py"):
            return f"model {name}"
        if file.endswith("langgraph/checkpoint/postgres/aio.py"):
            return f"checkpoint {name}"
        if "workflow_orchestration/worker/" in file and not file.endswith(skipped) and name != "_cursor":
            return f"{Path(file).stem} {name}"
        frame = frame.f_back  # type: ignore[assignment]
    return "unknown"


@dataclass
class Workers:
    """The worker of one story: started, killed at its commit, and started again without orders to die."""

    settings: dict[str, Any]
    processes: list[ForkServerProcess] = field(default_factory=list)
    deaths: int = 0
    #: What each next life is told; None: to live.
    again: Kill | None = None

    def start(self, kill: Kill | None = None, windows: Path | None = None) -> None:
        settings = {**self.settings, "metrics_port": free_port()}  # a frozen worker keeps its own
        process = context().Process(
            target=worker_process, args=(settings, kill, str(windows) if windows else None), daemon=True
        )
        process.start()
        self.processes.append(process)

    def revive(self) -> None:
        """Restart the worker if it died, or was told to stop and did."""
        process = self.processes[-1]
        if not process.is_alive():
            assert process.exitcode in (-signal.SIGKILL, 0), f"the worker failed: {process.exitcode}"
            self.deaths += 1
            self.start(self.again)

    async def stop(self) -> None:
        process = self.processes[-1]
        if process.is_alive():
            process.terminate()
        await asyncio.to_thread(process.join, 15)
        for left in self.processes:
            if left.is_alive():
                left.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def windows_of(file: Path) -> list[str]:
    return file.read_text().splitlines()


def every_kill(count: int) -> Iterator[Kill]:
    for n in range(1, count + 1):
        yield Kill(n, "before")
        yield Kill(n, "after")
