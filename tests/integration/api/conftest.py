from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
import structlog

from ci.local.postgres import API, Server
from tests.integration.api.live import Live, load_book, running, settings_for

structlog.configure(processors=[structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])


@pytest.fixture(scope="module")
def live(postgres: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One API with the sample book for all tests of a file; each test opens cases of its own."""
    with postgres.copy_of(template) as name:
        settings = settings_for(postgres.url(API, name), tmp_path_factory.mktemp("api"))
        with running(settings) as api:
            load_book(api)
            yield api


@pytest.fixture(scope="module")
def analyst(live: Live) -> httpx.Client:
    return live.client("nina", "ops_analyst")


@pytest.fixture(scope="module")
def ann(live: Live) -> httpx.Client:
    return live.client("ann", "ops_approver")


@pytest.fixture(scope="module")
def ben(live: Live) -> httpx.Client:
    return live.client("ben", "ops_approver")


@pytest.fixture(scope="module")
def supervisor(live: Live) -> httpx.Client:
    return live.client("sue", "ops_supervisor")


@pytest.fixture(scope="module")
def operator(live: Live) -> httpx.Client:
    return live.client("otto", "operator")


@pytest.fixture(scope="module")
def auditor(live: Live) -> httpx.Client:
    return live.client("audrey", "auditor")
