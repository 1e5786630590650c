"""A circuit breaker: a server that keeps failing is left alone, and tried again by one request at a time.

One a process, on the event loop. Another process learns of an outage by itself, three failed tries later: to share
the state would make the database a part of every try, and gain seconds once an outage.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from workflow_orchestration.llm.metrics import BREAKER_OPEN

_logger = structlog.get_logger(__name__)
#: Failures in a row that open it.
FAILURES = 3


class Breaker:
    """Closed, open until a moment, or half open: then one try is out, and its end decides."""

    def __init__(self, open_seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._open_seconds = open_seconds
        self._clock = clock
        self._failures = 0
        self._open_until: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        return self._open_until is not None

    def admits(self) -> bool:
        """Whether a try may start now; who is let through must report its end by one of the next three."""
        if self._open_until is None:
            return True
        if self._probing or self._clock() < self._open_until:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        if self.is_open:
            _logger.info("the model server answers again")
        self._failures, self._open_until, self._probing = 0, None, False
        BREAKER_OPEN.set(0)

    def failed(self) -> None:
        self._failures += 1
        if self._failures < FAILURES and not self._probing:
            return
        if not self.is_open:
            _logger.warning("the model server keeps failing; it is left alone", seconds=self._open_seconds)
        self._open_until, self._probing = self._clock() + self._open_seconds, False
        BREAKER_OPEN.set(1)

    def abandoned(self) -> None:
        """The try was cancelled: it says nothing about the server, and the next one may try."""
        self._probing = False
