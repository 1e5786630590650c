"""The route class of every endpoint but the probes: who, may they, how often, and a strict body, in that order.

FastAPI parses a body before it runs dependencies; here nothing of a request is read before its sender is known.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, get_type_hints

from fastapi import Request, Response
from fastapi.params import Depends
from fastapi.routing import APIRoute

from workflow_orchestration.api import auth, bodies, problems
from workflow_orchestration.api.services import Services
from workflow_orchestration.domain.errors import (
    Conflict,
    Forbidden,
    InvalidRequest,
    NotReady,
    PlatformError,
    RateLimited,
    TooLarge,
    Unauthenticated,
    UnsupportedContent,
)
from workflow_orchestration.domain.roles import Operation, Principal
from workflow_orchestration.store import log
from workflow_orchestration.store.db import Conn

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_ALWAYS = (Unauthenticated, Forbidden, InvalidRequest, RateLimited, PlatformError, NotReady)
_WITH_WRITES = (Conflict, TooLarge, UnsupportedContent)
_WRITES = frozenset({"POST", "PUT"})


class Endpoint(APIRoute):
    """Enforces the operation that the endpoint's `allowed(...)` parameter names, and documents it."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **kwargs: Any) -> None:
        self.operation = _operation(endpoint)
        writes = bool(_WRITES & set(kwargs.get("methods") or ()))
        extra = dict(kwargs.get("openapi_extra") or {})
        if self.operation is not None:
            extra["x-operation"] = self.operation.value
        common = problems.documented(*_ALWAYS, *(_WITH_WRITES if writes else ()))
        kwargs["responses"] = problems.merged(common, kwargs.get("responses") or {})
        super().__init__(path, endpoint, **{**kwargs, "openapi_extra": extra})

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()
        content = (self.openapi_extra or {}).get("requestBody", {}).get("content")
        takes = tuple(content or (("application/json",) if self.body_field else ()))

        async def guarded(request: Request) -> Response:
            services: Services = request.app.state.services
            request.state.principal = principal = await auth.authenticate(request, services)
            try:
                auth.authorise(principal, self.operation)
                _check_address(request)
                if takes:
                    await bodies.read(request, takes, services.settings.message_max_bytes)
                return await handle(request)
            except Forbidden as error:
                if self.operation is Operation.APPROVAL_DECIDE:
                    await record_refusal(services, request, principal, error)
                raise

        return guarded


def _operation(endpoint: Callable[..., Any]) -> Operation | None:
    for hint in get_type_hints(endpoint, include_extras=True).values():
        for mark in getattr(hint, "__metadata__", ()):
            if isinstance(mark, Depends) and isinstance(mark.dependency, auth.Allowed):
                return mark.dependency.operation
    raise TypeError(f"{endpoint.__name__} declares no operation: give it `who: Annotated[Principal, allowed(...)]`")


def _check_address(request: Request) -> None:
    """PostgreSQL cannot hold NUL, so nothing is found by it."""
    if "\x00" in request.url.path or "%00" in request.url.path or "%00" in request.url.query:
        raise InvalidRequest("the address contains NUL", errors=[{"field": "address", "cause": "contains NUL"}])


async def record_refusal(services: Services, request: Request, principal: Principal, error: Forbidden) -> None:
    """In a transaction of its own: the refused one kept nothing."""

    async def record(conn: Conn) -> None:
        await log.append(
            conn,
            log.SYSTEM,
            [
                log.Entry(
                    "decision.refused",
                    principal.actor(),
                    {
                        "approval_id": request.path_params.get("approval_id"),
                        "type": type(error).__name__,
                        "detail": error.detail,
                        "request_id": problems.request_id(request),
                    },
                )
            ],
        )

    await services.write(record)
