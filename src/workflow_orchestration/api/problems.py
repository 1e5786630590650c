"""Every failure as application/problem+json: `type` is the error's class, and each says what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from workflow_orchestration.domain.canonical import plain
from workflow_orchestration.domain.errors import (
    Conflict,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    NotReady,
    PlatformError,
    RateLimited,
    TooLarge,
    Unauthenticated,
)
from workflow_orchestration.store.db import TRANSIENT

MEDIA_TYPE = "application/problem+json"
#: Seconds after which a client may ask again, for what passes by itself.
_BUSY_SECONDS = 1
_DOWN_SECONDS = 5
#: The pool's own failures (no connection in time, closed) are OperationalErrors too.
_UNREACHABLE = (psycopg.OperationalError, psycopg.InterfaceError)
#: The database is there, its schema is not (yet).
_NO_SCHEMA = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedFunction)
_BY_STATUS: dict[int, type[PlatformError]] = {404: NotFound, 405: MethodNotAllowed, 413: TooLarge}
_logger = structlog.get_logger(__name__)


def install(app: FastAPI) -> None:
    for kind in (PlatformError, RequestValidationError, HTTPException, psycopg.Error, *TRANSIENT):
        app.add_exception_handler(kind, answer)


async def answer(request: Request, error: Exception) -> JSONResponse:
    platform = as_platform_error(error)
    if platform.status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(platform, NotReady):
        _logger.error("request failed", request_id=request_id(request), path=request.url.path, exc_info=error)
    return JSONResponse(document(platform, request), platform.status, _headers(platform, error), MEDIA_TYPE)


def request_id(request: Request) -> str:
    return str(getattr(request.state, "request_id", ""))


def document(error: PlatformError, request: Request) -> dict[str, Any]:
    extra = {k: v for k, v in error.extra.items() if v is not None}
    return {
        "type": type(error).__name__,
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "fix": error.fix,
        "instance": request.url.path,
        "request_id": request_id(request),
        **plain(extra),
    }


def as_platform_error(error: Exception) -> PlatformError:
    """What any exception is to a client; nothing internal is said."""
    match error:
        case PlatformError():
            return error
        case RequestValidationError():
            return _invalid(error.errors())
        case HTTPException():
            kind = _BY_STATUS.get(error.status_code, InvalidRequest)
            return kind() if kind is not InvalidRequest else InvalidRequest(str(error.detail))
        case psycopg.DataError():
            return InvalidRequest("a value is outside what can be stored", fix="Correct it; see the API's reference.")
    if isinstance(error, TRANSIENT):
        return Conflict(
            "others kept changing this at the same time; nothing of your request was kept",
            fix="Send the same request again.",
            retry_after=_BUSY_SECONDS,
        )
    if isinstance(error, _NO_SCHEMA):
        return NotReady("the database's schema is older than this code", retry_after=_DOWN_SECONDS)
    if isinstance(error, _UNREACHABLE):
        return NotReady("the database cannot be reached", retry_after=_DOWN_SECONDS)
    return PlatformError("an unexpected failure; nothing of your request was kept")


def _invalid(errors: Iterable[Mapping[str, Any]]) -> InvalidRequest:
    named = [
        {
            "field": ".".join(str(part) for part in e["loc"] if part != "body") or "body",
            "cause": str(e["msg"]).removeprefix("Value error, "),
        }
        for e in errors
    ]
    return InvalidRequest("; ".join(f"{e['field']}: {e['cause']}" for e in named[:3]), errors=named)


def _headers(platform: PlatformError, error: Exception) -> dict[str, str]:
    headers = dict(getattr(error, "headers", None) or {})
    if isinstance(platform, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(platform, RateLimited | NotReady) or "retry_after" in platform.extra:
        headers["Retry-After"] = str(platform.extra.get("retry_after", _DOWN_SECONDS))
    if platform.extra.get("location"):
        headers["Location"] = str(platform.extra["location"])
    return headers


_PROBLEM = "#/components/schemas/Problem"


def documented(*kinds: type[PlatformError]) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's responses for these failures: one status may have several types, each with its example."""
    found: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        error = kind()
        entry = found.setdefault(
            kind.status, {"description": "", "content": {MEDIA_TYPE: {"schema": {"$ref": _PROBLEM}, "examples": {}}}}
        )
        entry["description"] = f"{entry['description']} {kind.__name__}: {error.title}.".strip()
        entry["content"][MEDIA_TYPE]["examples"][kind.__name__] = {
            "value": {
                "type": kind.__name__,
                "title": error.title,
                "status": kind.status,
                "detail": error.title,
                "fix": error.fix,
                "instance": "/v1/cases",
                "request_id": "019aabcd-0000-7000-8000-000000000000",
            }
        }
    return found


def merged(*tables: dict[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """One table of responses; failures of one status stand beside each other."""
    found: dict[int | str, dict[str, Any]] = {}
    for status, entry in (pair for table in tables for pair in table.items()):
        both = status in found and MEDIA_TYPE in entry.get("content", {})
        found[status] = _beside(found[status], entry) if both else entry
    return found


def _beside(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    examples = {**one["content"][MEDIA_TYPE]["examples"], **other["content"][MEDIA_TYPE]["examples"]}
    return {
        "description": f"{one['description']} {other['description']}",
        "content": {MEDIA_TYPE: {"schema": {"$ref": _PROBLEM}, "examples": examples}},
    }
