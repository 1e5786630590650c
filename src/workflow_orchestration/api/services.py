"""What every endpoint shares: settings, the pool, wake-ups, the token verifier. One per process, made by app.py."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from workflow_orchestration.api.metrics import Metrics
from workflow_orchestration.api.rate import RateLimits
from workflow_orchestration.api.readiness import Readiness
from workflow_orchestration.api.tokens import Verifier
from workflow_orchestration.settings import Settings
from workflow_orchestration.store.approvals import Policy
from workflow_orchestration.store.db import Conn, Pool, retrying
from workflow_orchestration.store.notify import WORK, Bell, Notifier, Overheard

T = TypeVar("T")


@dataclass(frozen=True)
class Services:
    settings: Settings
    pool: Pool
    notifier: Notifier
    bell: Bell
    verifier: Verifier
    rates: RateLimits
    readiness: Readiness
    metrics: Metrics
    policy: Policy
    #: Set when the process is told to stop: open streams and waits end at once.
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    overheard: Overheard = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "overheard", Overheard(self.bell))

    async def read(self, work: Callable[[Conn], Awaitable[T]]) -> T:
        async with self.pool.connection() as conn:
            return await work(conn)

    async def write(self, work: Callable[[Conn], Awaitable[T]]) -> T:
        """One transaction, tried again when it lost a race; then `woke` whoever it concerns."""
        return await retrying(self.pool, work)

    def woke(self, *streams: str) -> None:
        """Tell workers and readers, after the commit."""
        self.notifier.wake(WORK, *streams)

    def stop(self) -> None:
        self.stopping.set()
        self.bell.ring("*")


async def _services(request: Request) -> Services:  # a plain function would be given a thread for each request
    found = request.app.state.services
    assert isinstance(found, Services)
    return found


#: An endpoint's parameter of this type is the process's services.
Use = Annotated[Services, Depends(_services)]
