"""Who is asking, and whether they may: a bearer token, or the same token in the console's cookie.

Endpoints declare one operation with `allowed(...)`; `endpoint.Endpoint` enforces it before a body is read.
"""

# no `from __future__ import annotations`: FastAPI must see the annotations of `Allowed.__call__`

from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from workflow_orchestration.api.services import Services
from workflow_orchestration.domain.errors import Forbidden, Unauthenticated
from workflow_orchestration.domain.roles import PERMISSIONS, Operation, Principal

COOKIE = "wo_session"
_SAFE = ("GET", "HEAD", "OPTIONS")
_BEARER = HTTPBearer(
    scheme_name="bearer", bearerFormat="JWT", auto_error=False, description="A JWT of a trusted issuer."
)
_COOKIE = APIKeyCookie(
    name=COOKIE,
    scheme_name="session",
    auto_error=False,
    description="The same JWT, for the pages; writes also need `HX-Request` or an `Origin` equal to the host.",
)


class Allowed:
    """Dependency: the principal, who may do this operation. Without an operation: anybody with a valid token."""

    def __init__(self, operation: Operation | None) -> None:
        self.operation = operation

    async def __call__(
        self,
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)] = None,
        cookie: Annotated[str | None, Security(_COOKIE)] = None,
    ) -> Principal:
        principal = request.state.principal
        assert isinstance(principal, Principal)
        return principal


def allowed(operation: Operation | None) -> Any:
    return Depends(Allowed(operation))


async def authenticate(request: Request, services: Services) -> Principal:
    """The principal of a request, within their rate; failures count against the address."""
    try:
        token, by_cookie = _token(request)
        principal, request.state.token_until = await services.verifier.verify(token)
    except Unauthenticated:
        await services.rates.count_failed_login(request.client.host if request.client else "")
        raise
    await services.rates.count_request(principal.id)
    if by_cookie and request.method not in _SAFE:
        _check_same_site(request)
    return principal


def authorise(principal: Principal, operation: Operation | None) -> None:
    if operation is None or principal.may(operation):
        return
    roles = sorted(role.value for role, operations in PERMISSIONS.items() if operation in operations)
    raise Forbidden(f"{operation} needs one of: {', '.join(roles)}", required_roles=roles)


def _token(request: Request) -> tuple[str, bool]:
    header = request.headers.get("authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("the Authorization header is not `Bearer <token>`")
        return token.strip(), False
    cookie = request.cookies.get(COOKIE)
    if not cookie:
        raise Unauthenticated("there is no token")
    return cookie, True


def _check_same_site(request: Request) -> None:
    """A browser sends the cookie by itself: only our own pages can add this header or have this origin."""
    origin = request.headers.get("origin")
    if "hx-request" in request.headers or (origin and urlsplit(origin).netloc == request.headers.get("host")):
        return
    raise Forbidden(
        "a write with the session cookie must come from our own pages",
        fix="Send the token as `Authorization: Bearer`, or use the pages.",
    )
