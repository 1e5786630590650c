"""Who is looking: a token becomes a cookie that no script can read, and every page asks the cookie who that is.

The cookie holds the API's own token, so a page can do nothing that its owner could not do through the API, and the
API's checks are the pages' checks: rate, roles, and that a change comes from a page of ours.
"""

from __future__ import annotations

import time
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from workflow_orchestration.api import auth
from workflow_orchestration.api.services import Use
from workflow_orchestration.console.page import PageRoute, page, problem
from workflow_orchestration.domain.errors import Forbidden, Unauthenticated
from workflow_orchestration.domain.roles import Principal

router = APIRouter(route_class=PageRoute, include_in_schema=False)


class VisitorRoute(PageRoute):
    """A page for people who are logged in: who they are is known before anything of the request is read."""

    async def admit(self, request: Request) -> None:
        try:
            request.state.principal = await auth.authenticate(request, request.app.state.services)
        except Unauthenticated as error:
            raise Unauthenticated(
                error.detail, fix="Log in again; in another tab if you have typed something here."
            ) from None
        await super().admit(request)


async def _visitor(request: Request) -> Principal:
    found = request.state.principal
    assert isinstance(found, Principal)
    return found


#: A page's parameter of this type is the person behind the session.
Visitor = Annotated[Principal, Depends(_visitor)]


def _check_own_page(request: Request) -> None:
    """Before there is a session: a login form on another site must not log somebody in here."""
    origin = request.headers.get("origin")
    if origin is None or urlsplit(origin).netloc != request.headers.get("host"):
        raise Forbidden("this form was not sent from a page of this console", fix="Open /login here and try again.")


def _local(target: str) -> str:
    """A path of ours to go on to; anything else would make the login an open redirect."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else "/queue"


@router.get("/")
async def home() -> Response:
    return RedirectResponse("/queue", status_code=303)


@router.get("/login")
async def login_page(request: Request, target: Annotated[str, Query(alias="next")] = "/queue") -> Response:
    return page(request, "login.html", next=_local(target), problem=None)


@router.post("/login")
async def login(
    request: Request,
    services: Use,
    token: Annotated[str, Form()],
    target: Annotated[str, Form(alias="next")] = "/queue",
) -> Response:
    _check_own_page(request)
    try:
        _, expires_at = await services.verifier.verify(token.strip())
    except Unauthenticated as error:
        await services.rates.count_failed_login(request.client.host if request.client else "")
        error.fix = "Paste the whole token, or make a new one."
        return page(request, "login.html", status=error.status, next=_local(target), problem=problem(error))
    response = RedirectResponse(_local(target), status_code=303)
    response.set_cookie(
        auth.COOKIE, token.strip(), max_age=max(0, int(expires_at - time.time())), httponly=True,
        samesite="strict", secure=request.url.scheme == "https",
    )  # fmt: skip
    return response


@router.post("/logout")
async def logout(request: Request) -> Response:
    _check_own_page(request)
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(auth.COOKIE, httponly=True, samesite="strict")
    return response
