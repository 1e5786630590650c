"""`wo` against the real API on a loopback port, with the sample book, acting as named people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from ci.local.postgres import API, Server
from tests.integration.api.live import KEY, Live, running, settings_for
from tests.unit.cli.conftest import Result
from workflow_orchestration import settings
from workflow_orchestration.cli.main import run
from workflow_orchestration.cli.session import Session

#: Who acts in these tests: user and role; all desks.
PEOPLE = {"nina": "ops_analyst", "ann": "ops_approver", "ben": "ops_approver", "sue": "ops_supervisor",
          "otto": "operator", "audrey": "auditor", "feed": "event_ingest"}  # fmt: skip


@dataclass
class Acting:
    """Runs `wo --as <person> ...` and keeps what it said."""

    capsys: pytest.CaptureFixture[str]

    def __call__(self, person: str, *argv: str) -> Result:
        code = run(["--as", f"{person}:{PEOPLE[person]}", *argv], Session())
        return Result(code, *self.capsys.readouterr())


@pytest.fixture(scope="module")
def live(postgres: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One API for all tests of a file; its own log is silent, or it would stand in what `wo` prints."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    folder = tmp_path_factory.mktemp("api")
    with postgres.copy_of(template) as name, running(settings_for(postgres.url(API, name), folder)) as api:
        yield api
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No .env and no variable of ours but those a test sets."""
    for name in settings.given():
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    settings.get.cache_clear()
    yield
    settings.get.cache_clear()


@pytest.fixture
def wo(live: Live, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Acting:
    monkeypatch.setenv("DATABASE_URL", live.settings.database_url.get_secret_value())
    monkeypatch.setenv("LOCAL_ISSUER_KEY", KEY)
    monkeypatch.setenv("API_URL", live.url)
    return Acting(capsys)
