"""How every page answers: templates that escape, security headers, and failures as plain words in place.

Routes of the console use `PageRoute`: a failure becomes a page (or, for a part of a page that htmx asks for, a
notice) with the API's own status, cause and fix. Nothing is ever loaded from another host, and no script runs
that is not a file of ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from workflow_orchestration.api import bodies
from workflow_orchestration.api.problems import as_platform_error, request_id
from workflow_orchestration.console import words
from workflow_orchestration.domain.errors import Conflict, NotFound, PlatformError, Superseded, Unauthenticated

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
_FORM = "application/x-www-form-urlencoded"
_logger = structlog.get_logger(__name__)

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@lru_cache
def asset(name: str) -> str:
    """Address of a file of ours, changed by its content so that browsers may keep it for long."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


@lru_cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(words.FILTERS)
    environment.globals["asset"] = asset
    return environment


def markup(template: str, **context: Any) -> str:
    """A template filled in; `now` is the server's time, which countdowns run by."""
    return _environment().get_template(template).render(**{"now": datetime.now(UTC), **context})


def page(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A whole page, for the visitor that the session found."""
    visitor = getattr(request.state, "principal", None)
    return HTMLResponse(markup(template, **{"visitor": visitor, "section": "", **context}), status_code=status)


def part(template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A part of a page, which htmx puts in its place."""
    return HTMLResponse(markup(template, **context), status_code=status)


def asks_for_part(request: Request) -> bool:
    return "hx-request" in request.headers


def problem(error: PlatformError) -> dict[str, Any]:
    """An error as the pages tell it: the same type, cause and fix as the API's problem+json."""
    links = []
    if isinstance(error, Superseded) and (case_id := error.extra.get("case_id")):
        links.append({"href": f"/cases/{case_id}#decision", "text": "Open the approval that replaced it"})
    elif isinstance(error, Conflict) and (case_id := error.extra.get("case_id")):
        links.append({"href": f"/cases/{case_id}", "text": "Show the case as it stands"})
    return {
        "type": type(error).__name__,
        "title": error.title,
        "detail": error.detail,
        "fix": error.fix,
        "errors": error.extra.get("errors", []),
        "links": links,
    }


def answer_problem(request: Request, error: PlatformError, *, back: str = "/queue") -> Response:
    """The failure as a notice in the page that asked, else as a page of its own."""
    told = problem(error)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        told["fix"] = f"{error.fix} Request id: {request_id(request)}"
    if asks_for_part(request):
        response: Response = part("_problem.html", status=error.status, problem=told)
        response.headers["HX-Retarget"] = "#notice"
        response.headers["HX-Reswap"] = "innerHTML"
        return response
    return page(request, "problem.html", status=error.status, problem=told, back=back)


def _to_login(request: Request) -> Response:
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/login?{urlencode({'next': target})}", status_code=303)


def _named(error: Exception) -> PlatformError:
    """What went wrong, as one of our errors; an address that cannot be one of ours is simply not there."""
    if isinstance(error, RequestValidationError) and any(e["loc"][0] == "path" for e in error.errors()):
        return NotFound()
    return as_platform_error(error)


class PageRoute(APIRoute):
    """A route that answers people: bounded forms, failures in words, and the headers of every page."""

    async def admit(self, request: Request) -> None:
        """Before anything is done: read what was sent, no more than the limit and only a form."""
        if request.method == "POST":
            limit = request.app.state.services.settings.message_max_bytes
            await bodies.read(request, (_FORM,), limit)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                await self.admit(request)
                response = await handle(request)
            except Exception as error:  # noqa: BLE001 - every failure is told to the person who met it
                response = _answer_failure(request, error)
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        return answer


def _answer_failure(request: Request, error: Exception) -> Response:
    named = _named(error)
    if named.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _logger.error("page not answered", path=request.url.path, request_id=request_id(request), exc_info=error)
    if isinstance(named, Unauthenticated) and request.method == "GET" and not asks_for_part(request):
        return _to_login(request)
    return answer_problem(request, named)


class Assets(StaticFiles):
    """Our files: named by their content, so they are kept."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
