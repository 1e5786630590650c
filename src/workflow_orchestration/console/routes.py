"""All pages, and the one call that puts them on an app."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from workflow_orchestration.console import case, decision, log, queue, session, work
from workflow_orchestration.console.page import STATIC, Assets

router = APIRouter()
for _pages in (session, queue, case, decision, work, log):
    router.include_router(_pages.router)


def mount(app: FastAPI) -> None:
    """Add the pages and their files to the API's app."""
    app.include_router(router)
    app.mount("/static", Assets(directory=STATIC), name="static")
