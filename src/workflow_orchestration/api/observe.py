"""Around every request: an id in and out, one line in the process log, and the numbers for Prometheus."""

from __future__ import annotations

import re
import time
from typing import Any

import structlog
from sse_starlette.sse import SendTimeoutError
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workflow_orchestration.api import problems
from workflow_orchestration.api.metrics import Metrics
from workflow_orchestration.store.db import new_id

HEADER = "X-Request-ID"
_USABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: Asked every few seconds by machines: counted, but no line each.
_QUIET = frozenset({"/health", "/ready"})
_logger = structlog.get_logger("workflow_orchestration.access")


class Observe:
    """ASGI middleware, outermost."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope).get(HEADER, "")
        request_id = asked if _USABLE_ID.fullmatch(asked) else new_id()
        scope.setdefault("state", {})["request_id"] = request_id
        began, status = time.perf_counter(), 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except SendTimeoutError:
            # raising on makes the server drop the connection: the reader resumes by id
            _logger.info("a reader was too slow and is cut", request_id=request_id, path=scope["path"])
            raise
        except Exception as error:  # the last door: whatever it is becomes a problem document
            if status:
                raise
            response = await problems.answer(Request(scope), error)
            await response(scope, receive, answer)
        finally:
            _note(scope, status, time.perf_counter() - began)


def _note(scope: Scope, status: int, seconds: float) -> None:
    template = getattr(scope.get("route"), "path", "unmatched")
    method = scope["method"] if scope["method"] in _METHODS else "OTHER"
    metrics: Metrics = scope["app"].state.services.metrics
    metrics.requests.labels(template, method, str(status)).inc()
    metrics.seconds.labels(template, method).observe(seconds)
    if template not in _QUIET:
        _logger.info("request", **_line(scope, method, status, seconds))


def _line(scope: Scope, method: str, status: int, seconds: float) -> dict[str, Any]:
    principal = scope["state"].get("principal")
    return {
        "request_id": scope["state"]["request_id"],
        "method": method,
        "path": scope["path"],
        "status": status,
        "ms": round(seconds * 1000, 1),
        "principal": principal.id if principal else None,
    }
