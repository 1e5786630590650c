"""Shared by all levels: where the real sample messages are, and a real PostgreSQL for those that ask."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ci.local.postgres import API, OWNER, WORKER, Server  # noqa: E402


@pytest.fixture(autouse=True)
def plain_log() -> None:
    """structlog's default renders a traceback with every local variable: seconds each, on a loaded machine."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ]
    )


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real messages that nobody here wrote; they lie beside the repository, not in it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.exists():
        pytest.skip("shared/data is absent: the real sample messages lie beside the repository")
    return folder


@dataclass(frozen=True)
class Database:
    """One database of one test, reached as each role."""

    api: str
    worker: str
    owner: str
    name: str


@pytest.fixture(scope="session")
def postgres() -> Server:
    """The embedded server, started once and kept for the next run."""
    server = Server(ROOT / ".state" / "test-postgres")
    with (
        server.admin() as conn
    ):  # a database a test: no test of this server pulls its plug (test_database.py has its own)
        conn.execute("alter system set fsync = off")
        conn.execute("select pg_reload_conf()")
    return server


@pytest.fixture(scope="session")
def template(postgres: Server) -> str:
    """A migrated database that every test's own is copied from; named by what made it."""
    sources = [
        *sorted((ROOT / "src/workflow_orchestration/store/migrations").glob("*.sql")),
        ROOT / "requirements.lock",
    ]
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in sources)).hexdigest()[:12]
    return postgres.migrated(f"template_{digest}")


@pytest.fixture
def database(postgres: Server, template: str) -> Iterator[Database]:
    with postgres.copy_of(template) as name:
        yield Database(
            api=postgres.url(API, name), worker=postgres.url(WORKER, name), owner=postgres.url(OWNER, name), name=name
        )
