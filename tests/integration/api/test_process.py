"""The process around the endpoints: limits, probes, the database coming and going, its numbers, its end."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psycopg
import pytest

from ci.local.postgres import API, OWNER
from tests.integration.api.live import KEY, running, settings_for, until
from workflow_orchestration.api.server import LINGER_SECONDS


def test_too_many_requests_of_one_principal_are_429_and_others_go_on(postgres, template, tmp_path):
    with (
        postgres.copy_of(template) as name,
        running(settings_for(postgres.url(API, name), tmp_path, rate_limit_per_minute=5)) as api,
    ):
        greedy, modest = api.client("greedy", "ops_analyst"), api.client("modest", "ops_analyst")
        answers = [greedy.get("/v1/cases") for _ in range(6)]
        assert [a.status_code for a in answers] == [200] * 5 + [429]
        assert answers[-1].json()["type"] == "RateLimited"
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
        assert modest.get("/v1/cases").status_code == 200
        assert {api.anybody().get("/health").status_code for _ in range(20)} == {200}


def test_failed_logins_of_one_address_are_429_and_good_tokens_go_on(postgres, template, tmp_path):
    with (
        postgres.copy_of(template) as name,
        running(settings_for(postgres.url(API, name), tmp_path, rate_limit_per_minute=3)) as api,
    ):
        guesser = api.anybody(headers={"Authorization": "Bearer guess"})
        assert [guesser.get("/v1/cases").status_code for _ in range(4)] == [401, 401, 401, 429]
        assert api.client("nina", "ops_analyst").get("/v1/cases").status_code == 200


@pytest.mark.slow
def test_it_starts_without_a_database_and_recovers_when_one_comes(postgres, template, tmp_path):
    name = f"late_{os.getpid()}"
    settings = settings_for(postgres.url(API, name), tmp_path)
    with running(settings, wait=False) as api, contextlib.ExitStack() as later:
        client = api.client("nina", "ops_analyst")
        assert api.anybody().get("/health").status_code == 200
        not_ready = api.anybody().get("/ready")
        assert (not_ready.status_code, not_ready.json()) == (503, {"status": "not ready"})
        answer = client.get("/v1/cases")
        assert (answer.status_code, answer.json()["type"]) == (503, "NotReady")
        assert int(answer.headers["Retry-After"]) > 0
        postgres.create_database(name, template=template)
        later.callback(postgres.drop_database, name)
        until(lambda: api.anybody().get("/ready").status_code == 200, seconds=4)
        assert client.get("/v1/cases").status_code == 200


def test_it_is_not_ready_before_its_schema_is_there(postgres, template, tmp_path):
    with postgres.copy_of(template) as name, running(settings_for(postgres.url(API, name), tmp_path)) as api:
        with psycopg.connect(postgres.url(OWNER, name)) as conn:
            conn.execute("delete from schema_migrations where version = (select max(version) from schema_migrations)")
        until(lambda: api.anybody().get("/ready").status_code == 503)


def test_lost_connections_are_replaced(postgres, template, tmp_path):
    with postgres.copy_of(template) as name, running(settings_for(postgres.url(API, name), tmp_path)) as api:
        client = api.client("nina", "ops_analyst")
        with postgres.admin() as admin:
            admin.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s", (name,))
        assert client.get("/v1/cases").status_code == 200


@pytest.fixture
def process(postgres, template, tmp_path):
    """The API as a process of its own, with the settings that a deployment gives it."""
    with postgres.copy_of(template) as name:
        settings = settings_for(postgres.url(API, name), tmp_path)
        env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),  # a mutant's sources
            "DATABASE_URL": postgres.url(API, name),
            "LOCAL_ISSUER_KEY": KEY,
            "API_PORT": str(settings.api_port),
            "METRICS_PORT": str(settings.metrics_port),
            "LOG_FORMAT": "json",
        }
        code = (
            "import uvloop; from workflow_orchestration import settings; "
            "from workflow_orchestration.api import server; "
            "uvloop.run(server.serve(settings.load()))"
        )
        child = subprocess.Popen([sys.executable, "-c", code], env=env, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        try:
            until(lambda: _ready(settings), seconds=20)
            yield child, settings
        finally:
            child.kill()
            child.wait(10)


def _ready(settings) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{settings.api_port}/ready").status_code == 200
    except httpx.TransportError:
        return False


def rss_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024


@pytest.mark.slow
def test_a_process_at_rest_is_small_and_ends_in_good_order(process):
    child, settings = process
    rss = rss_mib(child.pid)
    print(f"RSS at rest: {rss:.0f} MiB")
    assert rss < 120
    metrics = httpx.get(f"http://127.0.0.1:{settings.metrics_port}/metrics").text
    assert 'wo_http_requests_total{method="GET",route="/ready",status="200"}' in metrics
    began = time.monotonic()
    child.send_signal(signal.SIGTERM)
    assert child.wait(10) == 0
    assert time.monotonic() - began < 5
    assert "Traceback" not in child.stderr.read()


@pytest.mark.slow
def test_an_ending_process_answers_what_comes_on_open_connections_and_asks_to_close_them(process):
    child, settings = process
    with httpx.Client(base_url=f"http://127.0.0.1:{settings.api_port}") as waiting:
        assert "connection" not in waiting.get("/ready").headers
        child.send_signal(signal.SIGTERM)
        time.sleep(LINGER_SECONDS / 2)
        answer = waiting.get("/ready")
        assert answer.headers["connection"] == "close"
        assert child.poll() is None
    assert child.wait(10) == 0


@pytest.mark.slow
def test_no_metric_holds_what_a_user_sent(process):
    _, settings = process
    httpx.get(f"http://127.0.0.1:{settings.api_port}/v1/evil-path-{'x' * 50}")
    httpx.request("BREW", f"http://127.0.0.1:{settings.api_port}/v1/cases")
    metrics = httpx.get(f"http://127.0.0.1:{settings.metrics_port}/metrics").text
    assert "evil" not in metrics
    assert "BREW" not in metrics
    assert httpx.get(f"http://127.0.0.1:{settings.metrics_port}/other").status_code == 404


def test_the_api_imports_nothing_heavy():
    code = (
        "import sys, workflow_orchestration.api.server; "
        "heavy = ('langgraph', 'langchain_core', 'exchange_calendars', 'pandas'); "
        "print([m for m in heavy if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "[]"
