"""The composed app on a real database, and browsers reduced to what a server sees of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from fastapi import FastAPI

from tests.integration.console import story
from workflow_orchestration.api import tokens
from workflow_orchestration.console.app import create_app
from workflow_orchestration.settings import Settings
from workflow_orchestration.store.db import Pool, make_pool

ORIGIN = "http://console.test"
Login = Callable[..., httpx.AsyncClient]


@pytest.fixture
def settings(database) -> Settings:
    return Settings(database_url=database.api, local_issuer_key="k" * 40, api_host="127.0.0.1", database_pool_size=4)


@pytest.fixture
async def app(settings) -> AsyncIterator[FastAPI]:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def pool(database) -> AsyncIterator[Pool]:
    """The worker's side of the story, its book loaded."""
    async with make_pool(database.worker, size=2, name="story") as opened:
        async with opened.connection() as conn, conn.transaction():
            await story.load_book(conn)
        yield opened


@pytest.fixture
async def visit(app, settings) -> AsyncIterator[Login]:
    """`visit("ann")` is ann's browser: logged in, on a page of ours."""
    opened: list[httpx.AsyncClient] = []

    def client(
        user: str | None = None,
        roles: tuple[str, ...] = ("ops_approver",),
        desks: tuple[str, ...] = ("*",),
        part: bool = False,
    ) -> httpx.AsyncClient:
        browser = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN, headers={"Origin": ORIGIN})
        if user is not None:
            browser.cookies.set("wo_session", tokens.issue(settings, user, roles, desks, 60))
        if part:
            browser.headers["HX-Request"] = "true"
        opened.append(browser)
        return browser

    yield client
    for browser in opened:
        await browser.aclose()


@pytest.fixture
async def asked(pool) -> story.Asked:
    """WO-1002: our amount is wrong, CANCEL_REPLACE at T2 waits for two people of desk equities."""
    async with pool.connection() as conn, conn.transaction():
        return await story.asked(
            conn, story.message("mt578-allegement-WO-1002"), story.message("mt548-nmat-dmon-WO-1002")
        )
