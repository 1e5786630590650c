"""The composed app on a loopback port, a real database, and Debian's Chromium: what people see and do."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvicorn
from playwright.async_api import Browser, Page, async_playwright

from tests.integration.console import story
from workflow_orchestration.api import tokens
from workflow_orchestration.console.app import create_app
from workflow_orchestration.settings import Settings
from workflow_orchestration.store.db import Pool, make_pool
from workflow_orchestration.store.notify import Notifier

CHROMIUM = "/usr/bin/chromium"
_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
Visit = Callable[..., Awaitable[Page]]


@pytest.fixture
def settings(database) -> Settings:
    return Settings(
        database_url=database.api, local_issuer_key="k" * 40, api_host="127.0.0.1", stream_heartbeat_seconds=1
    )


@pytest.fixture
async def address(settings) -> AsyncIterator[str]:
    """Where the app listens."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(settings), log_level="warning", timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    async with asyncio.timeout(10):
        while not server.started:  # uvicorn tells nobody
            await asyncio.sleep(0.02)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await serving


@pytest.fixture
async def pool(database) -> AsyncIterator[Pool]:
    """The worker's side of the story, its book loaded."""
    async with make_pool(database.worker, size=2, name="story") as opened:
        async with opened.connection() as conn, conn.transaction():
            await story.load_book(conn)
        yield opened


@pytest.fixture
async def notifier(pool) -> AsyncIterator[Notifier]:
    """The worker's wake-ups."""
    notifier = Notifier(pool)
    sending = asyncio.create_task(notifier.run())
    yield notifier
    sending.cancel()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    if shutil.which(CHROMIUM) is None:
        pytest.skip("no /usr/bin/chromium: apt-get install chromium")
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield launched
        await launched.close()


@pytest.fixture
async def visit(address, browser, settings) -> Visit:
    """`await visit("ann", "/queue")`: a page in a browser of ann's own, past the login. Any script error fails."""

    async def open_page(
        user: str, path: str, roles: tuple[str, ...] = ("ops_approver",), width: int = 1280, scheme: str = "light"
    ) -> Page:
        context = await browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = await context.new_page()
        await page.goto(f"{address}{path}")
        await page.get_by_label("Access token").fill(tokens.issue(settings, user, roles, ["*"], 60))
        await page.get_by_role("button", name="Log in").click()
        await page.wait_for_url(f"{address}{path}")
        return page

    return open_page


@pytest.fixture
async def asked(pool) -> story.Asked:
    """WO-1002: our amount is wrong, CANCEL_REPLACE at T2 waits for two people of desk equities."""
    async with pool.connection() as conn, conn.transaction():
        return await story.asked(
            conn, story.message("mt578-allegement-WO-1002"), story.message("mt548-nmat-dmon-WO-1002")
        )
