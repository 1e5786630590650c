"""`wo` as a process of its own: what it imports, how it migrates and serves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psycopg
import pytest

from ci.local.postgres import OWNER
from tests.platform import free_port

WO = str(Path(sys.executable).with_name("wo"))
#: What must not be loaded to print help: each costs a tenth of a second or more, or is the worker's alone.
HEAVY = ("pydantic", "httpx", "psycopg", "fastapi", "langgraph", "rich", "asyncio")


def imported(statement):
    """Which heavy modules a fresh interpreter has after a statement."""
    code = f"import sys\n{statement}\nprint(*[m for m in {(*HEAVY, 'exchange_calendars')!r} if m in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_the_command_line_starts_without_anything_heavy():
    assert imported("import workflow_orchestration.cli.main") == []


def test_serving_the_api_loads_neither_langgraph_nor_calendars():
    loaded = imported("import workflow_orchestration.console.app, workflow_orchestration.api.server")
    assert "fastapi" in loaded
    assert not {"langgraph", "exchange_calendars"} & set(loaded)


@pytest.fixture
def empty(postgres):
    """An empty database's owner address."""
    name = f"t_migrate_{os.getpid()}"
    postgres.create_database(name)
    yield postgres.url(OWNER, name)
    postgres.drop_database(name)


def wo(*argv, **variables):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DATABASE_", "API_", "LOCAL_"))}
    return subprocess.run([WO, *argv], check=False, capture_output=True, text=True, env=clean | variables, timeout=60)


@pytest.mark.slow
def test_migrate_says_what_it_applied_and_the_second_time_nothing(empty):
    first = wo("migrate", DATABASE_URL=empty, DATABASE_OWNER_URL=empty)
    assert (first.returncode, "applying 0001_core.sql" in first.stdout) == (0, True)
    again = wo("migrate", DATABASE_URL=empty, DATABASE_OWNER_URL=empty)
    assert (again.returncode, "applying" in again.stdout, "nothing applied" in again.stdout) == (0, False, True)
    with psycopg.connect(empty) as conn:
        assert conn.execute("select max(version) > 0 from schema_migrations").fetchone() == (True,)


@pytest.mark.slow
def test_migrate_without_a_database_is_3():
    away = "postgresql://wo_owner@127.0.0.1:1/wo"
    ended = wo("migrate", DATABASE_URL=away, DATABASE_OWNER_URL=away)
    assert ended.returncode == 3
    assert "DATABASE_OWNER_URL" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_serve_api_answers_and_ends_cleanly_on_sigterm(database, tmp_path):
    port = free_port()
    variables = {"DATABASE_URL": database.api, "API_PORT": str(port), "METRICS_PORT": str(free_port())}
    process = subprocess.Popen([WO, "serve", "api"], env=os.environ | variables, cwd=tmp_path,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        assert answers(f"http://127.0.0.1:{port}/health")
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    finally:
        process.kill()


def answers(url):
    for _ in range(200):
        try:
            return httpx.get(url).status_code == 200
        except httpx.ConnectError:
            time.sleep(0.05)
    return False
