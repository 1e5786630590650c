"""Rate limits, per process and in memory: a principal's requests, and failed logins of one address."""

from __future__ import annotations

import math
import time

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from workflow_orchestration.domain.errors import RateLimited

#: Refused tokens a minute that one address may send; more are 429 before anything is said about the token.
_FAILED_LOGINS = 60


class RateLimits:
    def __init__(self, per_minute: int) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._requests = RateLimitItemPerMinute(per_minute)
        self._failures = RateLimitItemPerMinute(min(per_minute, _FAILED_LOGINS))

    async def count_request(self, principal: str) -> None:
        await self._count(self._requests, "principal", principal, "this principal")

    async def count_failed_login(self, address: str) -> None:
        await self._count(self._failures, "address", address, "this address without a valid token")

    async def _count(self, limit: RateLimitItemPerMinute, kind: str, who: str, what: str) -> None:
        if await self._limiter.hit(limit, kind, who):
            return
        stats = await self._limiter.get_window_stats(limit, kind, who)
        seconds = max(1, math.ceil(stats.reset_time - time.time()))
        raise RateLimited(f"{what} may make {limit.amount} requests a minute", retry_after=seconds)
