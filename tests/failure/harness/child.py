"""An api or a worker in a process of its own, which dies at the first window it is ordered to, by wrapping psycopg.

The order is a file, a line a window, looked at in every commit; a child that obeys removes it and leaves behind which
line it was. A worker may also live by a clock that is days off.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import datetime as clock
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

from tests.failure.harness import windows

When = Literal["before", "after"]
_PR_SET_PDEATHSIG = 1
_PRELOAD = ["workflow_orchestration.worker.main", "workflow_orchestration.api.server", "exchange_calendars", "holidays",
            "tests.failure.harness.child", "tests.failure.harness.warm"]  # fmt: skip


def context() -> Any:
    """Children start in milliseconds: a server process has imported everything and forks."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(_PRELOAD)
    return found


def worker(settings: dict[str, Any], order: str, skew: float, said: str) -> None:
    from workflow_orchestration.settings import Settings
    from workflow_orchestration.worker import main

    _begin(order, said)
    if skew:
        _skew(skew)
    main._PRUNE_SECONDS = 2.0  # its window must come up in a run of minutes
    asyncio.run(main.serve(Settings(**settings)))


def api(settings: dict[str, Any], order: str, skew: float, said: str) -> None:
    from workflow_orchestration.api.server import serve
    from workflow_orchestration.settings import Settings

    _begin(order, said)
    asyncio.run(serve(Settings(**settings)))


def _begin(order: str, said: str) -> None:
    """Obey from now on; all that the process says goes to its file."""
    out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # a driver that is killed leaves nobody behind
    _watch_commits(Path(order))


def _watch_commits(order: Path) -> None:
    import psycopg

    from workflow_orchestration.store import work

    def reached(name: str | None, when: When) -> None:
        if name is None or not order.exists():
            return
        with contextlib.suppress(FileNotFoundError):  # taken back meanwhile
            moment = f"{name}|{when}"
            if moment in order.read_text().splitlines():
                order.unlink()
                order.with_suffix(".obeyed").write_text(moment)
                os.kill(os.getpid(), signal.SIGKILL)

    transaction = psycopg.AsyncConnection.transaction

    @contextlib.asynccontextmanager
    async def watched(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        outermost = self.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        name = windows.here() if outermost and order.exists() else None
        async with transaction(self, *args, **kwargs) as inner:
            yield inner
            reached(name, "before")
        reached(name, "after")

    psycopg.AsyncConnection.transaction = watched  # type: ignore[method-assign]
    for statement in windows.STATEMENTS:
        setattr(work, statement, _watched_statement(getattr(work, statement), f"queue {statement}", reached))


def _watched_statement(statement: Any, name: str, reached: Any) -> Any:
    async def watched(*args: Any, **kwargs: Any) -> Any:
        found = await statement(*args, **kwargs)
        if found:  # a single statement has committed when it answers: there is no moment before
            reached(name, "after")
        return found

    return watched


def _skew(seconds: float) -> None:
    """Every clock of the wall that our code asks is off by so much; the database's is right."""
    now = time.time

    class AnyDatetime(type(clock.datetime)):  # type: ignore[misc]
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, clock.datetime)  # those that the database sent are no less datetimes

    class Skewed(clock.datetime, metaclass=AnyDatetime):
        @classmethod
        def now(cls, tz: clock.tzinfo | None = None) -> clock.datetime:  # type: ignore[override]
            return clock.datetime.fromtimestamp(now() + seconds, tz)

    for name, module in list(sys.modules.items()):
        if name.startswith("workflow_orchestration") and getattr(module, "datetime", None) is clock.datetime:
            module.datetime = Skewed  # type: ignore[attr-defined]
    time.time = lambda: now() + seconds
