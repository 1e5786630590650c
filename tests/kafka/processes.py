"""Bridges in processes of their own, killed with SIGKILL at a named point.

Points are found by wrapping what the bridge calls; nothing in the product knows of it. Each is a place to die just
before and just after: a commit to our database (by the function that commits), a batch sent to a topic, and the
commit of offsets to Kafka.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from ci.local.killing import When, context, free_port

#: Where a bridge may die. `commit f`: the transaction that function f of the bridge commits.
POINTS = ("commit _accept", "commit _take", "commit _refuse", "commit sent", "send dead", "send events", "offsets")


@dataclass(frozen=True)
class Kill:
    """Die at the n-th time that this point is reached."""

    point: str
    when: When
    n: int = 1

    def __str__(self) -> str:
        return f"{self.when} {self.point} {self.n}"


def bridge_process(settings: dict[str, Any], kill: Kill | None, reached: str | None) -> None:
    """A bridge that dies at its point if it is told to; `reached` gets a line for each point, and for each record that
    is delivered again and each partition that goes."""
    import uvloop

    from workflow_orchestration.bridge.main import serve
    from workflow_orchestration.settings import Settings

    _wrap(_Fate(kill, Path(reached) if reached else None), dead=settings["kafka_dead_letter_topic"])
    with open(os.devnull, "w") as quiet, contextlib.redirect_stdout(quiet):
        uvloop.run(serve(Settings(**settings)))


class _Fate:
    def __init__(self, kill: Kill | None, reached: Path | None) -> None:
        self._kill = kill
        self._reached = reached
        self._counts: dict[tuple[str, str], int] = {}

    def note(self, line: str, times: int = 1) -> None:
        if self._reached is not None:
            with self._reached.open("a") as out:
                out.write(f"{line}\n" * times)

    def at(self, when: When, point: str) -> None:
        count = self._counts[when, point] = self._counts.get((when, point), 0) + 1
        self.note(f"{when} {point}")
        if self._kill is not None and (self._kill.when, self._kill.point, self._kill.n) == (when, point, count):
            os.kill(os.getpid(), signal.SIGKILL)

    @contextlib.contextmanager
    def around(self, point: str) -> Any:
        self.at("before", point)
        yield
        self.at("after", point)


def _wrap(fate: _Fate, *, dead: str) -> None:
    import psycopg

    from workflow_orchestration.bridge.sender import Sender
    from workflow_orchestration.bridge.source import Source
    from workflow_orchestration.store import inbox, outbox

    transaction, send, commit = psycopg.AsyncConnection.transaction, Sender._send, Source._commit
    sent, seen, revoked = outbox.sent, inbox.seen, Source._revoked

    @contextlib.asynccontextmanager
    async def counted(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        point = _committer()
        async with transaction(self, *args, **kwargs) as inner:
            yield inner
            fate.at("before", point)
        fate.at("after", point)

    def counted_send(self: Any, topic: str, *args: Any) -> None:
        with fate.around("send dead" if topic == dead else "send events"):
            send(self, topic, *args)

    def counted_commit(self: Any, *args: Any, **kwargs: Any) -> None:
        with fate.around("offsets"):
            commit(self, *args, **kwargs)

    async def counted_sent(*args: Any) -> None:
        with fate.around("commit sent"):
            await sent(*args)

    async def counted_seen(*args: Any) -> Any:
        found = await seen(*args)
        fate.note("redelivered", sum(had.taken for had in found))
        return found

    def counted_revoked(self: Any, consumer: Any, partitions: list[Any]) -> None:
        fate.note("revoked", len(partitions))
        revoked(self, consumer, partitions)

    inbox.seen, outbox.sent = counted_seen, counted_sent
    Source._revoked = counted_revoked  # type: ignore[method-assign]
    psycopg.AsyncConnection.transaction = counted  # type: ignore[assignment,method-assign]
    Sender._send = counted_send  # type: ignore[assignment,method-assign]
    Source._commit = counted_commit  # type: ignore[assignment,method-assign]


def _committer() -> str:
    """The bridge's function that this transaction is for."""
    skipped = ("_patiently", "accept")
    frame = sys._getframe(1)
    while frame is not None:
        if "/bridge/" in frame.f_code.co_filename and frame.f_code.co_name not in skipped:
            return f"commit {frame.f_code.co_name}"
        frame = frame.f_back  # type: ignore[assignment]
    return "commit elsewhere"


@dataclass
class Bridges:
    """The bridges of one story."""

    settings: dict[str, Any]
    processes: list[ForkServerProcess] = field(default_factory=list)

    def start(self, kill: Kill | None = None, reached: Path | None = None) -> ForkServerProcess:
        settings = {**self.settings, "metrics_port": free_port()}
        args = (settings, kill, str(reached) if reached else None)
        process = context().Process(target=bridge_process, args=args, daemon=True)
        process.start()
        self.processes.append(process)
        return process

    def alive(self) -> list[ForkServerProcess]:
        """The oldest first."""
        return [process for process in self.processes if process.is_alive()]

    async def until_dead(
        self, process: ForkServerProcess, *, meanwhile: Callable[[], Awaitable[None]], seconds: float = 30
    ) -> None:
        """Until it killed itself; every two seconds that it lives it is given more work."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await asyncio.to_thread(process.join, 2)
            if process.exitcode is not None:
                break
            await meanwhile()
        assert process.exitcode == -signal.SIGKILL, f"the bridge should have killed itself: {process.exitcode}"

    def crash(self, process: ForkServerProcess) -> None:
        process.kill()
        process.join()

    async def stop(self) -> None:
        for process in self.processes:
            if process.is_alive():
                process.terminate()
        for process in self.processes:
            await asyncio.to_thread(process.join, 15)
            if process.is_alive():
                process.kill()
