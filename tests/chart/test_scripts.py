"""The small programs that the chart carries into pods: what they do, against a real PostgreSQL where they need one."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest

from ci.local.killing import free_port
from ci.local.postgres import Server
from tests.chart.render import ROOT, environment, objects
from tests.chart.sweep import pods
from workflow_orchestration.worker.migrate import migrate

ALLOWLIST = ROOT / "charts/vllm/files/allowlist.py"
AIRFLOW = ROOT / "charts/airflow/files"
ROLES = ROOT / "charts/checkpoints/files/roles.py"

#: Airflow's image has psycopg2, this environment psycopg 3; the scripts use what both offer.
PSYCOPG2 = {
    "__init__.py": "from psycopg import Error, OperationalError, connect\nfrom psycopg2 import sql\n",
    "sql.py": "from psycopg.sql import SQL, Identifier\n",
}


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# -- what vLLM lets through


def _asked(scope: dict[str, Any]) -> list[object]:
    """What a client gets: ["app"] where vLLM itself would answer, else the layer's own messages."""
    said: list[object] = []

    async def app(*_: object) -> None:
        said.append("app")

    async def send(message: dict[str, Any]) -> None:
        said.append(message.get("status") or message.get("code") or message["type"])

    asyncio.run(_load(ALLOWLIST).Allowlist(app)(scope, None, send))
    return said


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/chat/completions"), ("GET", "/v1/models"), ("GET", "/health"), ("GET", "/metrics")],
)
def test_vllm_answers_what_the_platform_asks(method: str, path: str) -> None:
    assert _asked({"type": "http", "method": method, "path": path}) == ["app"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/invocations"),  # a full completion, without the key
        ("POST", "/tokenize"),
        ("POST", "/scale_elastic_ep"),
        ("GET", "/version"),
        ("GET", "/openapi.json"),
        ("GET", "//v1/models"),
        ("GET", "/v1/models/"),
        ("GET", "/v1/x/../models"),
        ("POST", "/v1/models"),
        ("GET", "/v1/chat/completions"),
        ("get", "/health"),
    ],
)
def test_vllm_has_nothing_else(method: str, path: str) -> None:
    assert _asked({"type": "http", "method": method, "path": path})[0] == 404


def test_vllm_takes_no_websocket_and_still_starts() -> None:
    assert _asked({"type": "websocket", "path": "/v1/realtime"}) == [1008]
    assert _asked({"type": "lifespan"}) == ["app"]


# -- Airflow's probes and waits


def _airflow(script: str, *args: str, url: str, folder: Path, seconds: float = 20) -> subprocess.CompletedProcess[str]:
    for name, text in PSYCOPG2.items():
        (folder / "psycopg2").mkdir(exist_ok=True)
        (folder / "psycopg2" / name).write_text(text)
    env = {**os.environ, "PYTHONPATH": str(folder), "POD_IP": "10.244.0.7", "PYTHONDONTWRITEBYTECODE": "1"}
    env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = url.replace("postgresql://", "postgresql+psycopg2://")
    command = [sys.executable, str(AIRFLOW / script), *args]
    return subprocess.run(command, env=env, check=False, capture_output=True, text=True, timeout=seconds)


@pytest.fixture
def metadata(postgres: Server) -> Iterator[str]:
    """A database with the two tables of Airflow's that the scripts read."""
    with postgres.copy_of("template1") as name:
        url = postgres.url("postgres", name)
        with psycopg.connect(url) as conn:
            conn.execute("create table alembic_version (version_num text)")
            conn.execute("insert into alembic_version values ('d2f4e1b3c5a7')")
            conn.execute("create table ab_user (id int)")
            conn.execute("create table job (job_type text, state text, hostname text, latest_heartbeat timestamptz)")
        yield url


def _beat(url: str, *, age: str, hostname: str = "10.244.0.7") -> None:
    with psycopg.connect(url) as conn:
        conn.execute("insert into job values ('SchedulerJob', 'running', %s, now() - %s::interval)", (hostname, age))


def test_a_process_that_beats_is_alive(metadata: str, tmp_path: Path) -> None:
    _beat(metadata, age="5 seconds")
    assert _airflow("heartbeat.py", "SchedulerJob", "liveness", url=metadata, folder=tmp_path).returncode == 0


@pytest.mark.parametrize(("age", "hostname"), [("2 minutes", "10.244.0.7"), ("5 seconds", "10.244.0.8")])
def test_a_stale_heartbeat_or_anothers_is_none(metadata: str, tmp_path: Path, age: str, hostname: str) -> None:
    # rows of crashed processes stay `running`
    _beat(metadata, age=age, hostname=hostname)
    assert _airflow("heartbeat.py", "SchedulerJob", "liveness", url=metadata, folder=tmp_path).returncode == 1


@pytest.mark.parametrize(("phase", "code"), [("liveness", 0), ("startup", 1)])
def test_a_database_that_is_away_kills_nothing_that_runs(phase: str, code: int, tmp_path: Path) -> None:
    nowhere = f"postgresql://airflow@/airflow?host={tmp_path}"
    assert _airflow("heartbeat.py", "SchedulerJob", phase, url=nowhere, folder=tmp_path).returncode == code


def test_a_pod_starts_when_its_schema_and_its_user_are_there(metadata: str, tmp_path: Path) -> None:
    with psycopg.connect(metadata) as conn:
        conn.execute("insert into ab_user values (1)")
    assert _airflow("wait.py", "d2f4e1b3c5a7", "ab_user", url=metadata, folder=tmp_path).returncode == 0


@pytest.mark.parametrize("wanted", [("another", ""), ("d2f4e1b3c5a7", "ab_user")])
def test_a_pod_waits_for_its_schema_and_its_user(metadata: str, tmp_path: Path, wanted: tuple[str, str]) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        _airflow("wait.py", *filter(None, wanted), url=metadata, folder=tmp_path, seconds=2)


# -- the canary of `helm test`


class _Airflow(BaseHTTPRequestHandler):
    """As much of Airflow's REST API as a canary asks for; its run has ended well as soon as it is there."""

    def do_GET(self) -> None:
        self._answer({"state": "success", "value": "http://platform/cases/1"})

    def do_POST(self) -> None:
        self._answer({"access_token": "t"})

    def _answer(self, body: dict[str, str]) -> None:
        self.server.asked.append(f"{self.command} {self.path}")  # type: ignore[attr-defined]
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Nothing: a test's output is not the place."""


def _canary(port: int, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    given = {"AIRFLOW_URL": f"http://127.0.0.1:{port}", "ADMIN_NAME": "admin", "ADMIN_PASSWORD": "p",
             "CANARY": "{}", "CANARY_SECONDS": "20"}  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return _load(AIRFLOW / "canary.py")


@contextmanager
def _airflow_at(port: int, asked: list[str]) -> Iterator[None]:
    server = HTTPServer(("127.0.0.1", port), _Airflow)
    server.asked = asked  # type: ignore[attr-defined]
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def test_a_canary_waits_for_a_server_that_it_cannot_reach_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new pod's network policy takes a moment to let it out."""
    port = free_port()
    canary = _canary(port, monkeypatch)
    asked: list[str] = []
    pauses: list[float] = []
    with ExitStack() as stack:

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 2:
                stack.enter_context(_airflow_at(port, asked))

        monkeypatch.setattr(canary.time, "sleep", pause)
        assert canary.main() == 0
    assert pauses == [canary.PAUSE] * 2
    assert asked.count("POST /auth/token") == 1
    assert asked.count("POST /api/v2/dags/canary/dagRuns") == 1


def test_a_canary_says_which_server_it_cannot_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    canary = _canary(port, monkeypatch)
    monkeypatch.setattr(canary, "PAUSE", 0.1)
    monkeypatch.setattr(canary, "REACH", 0.3)
    with pytest.raises(SystemExit, match=rf"^http://127.0.0.1:{port} cannot be reached: .*refused"):
        canary.main()


# -- the other pods of `helm test`


def test_every_pod_of_helm_test_waits_for_what_it_cannot_reach_yet(tmp_path: Path) -> None:
    """The way out of a new pod opens a moment after its start: whoever asks once fails now and then."""
    rendered = [*objects(environment("minikube", "all-on")), *objects(environment("minikube", "ollama"))]
    found = [pod for pod in pods(rendered) if pod.annotations.get("helm.sh/hook") == "test"]
    asking = {pod.owner: pod.containers[0]["command"] for pod in found if "-c" in pod.containers[0]["command"]}
    assert len(asking) >= 6
    nowhere = f"127.0.0.1:{free_port()}"
    given = {"WORKER_DATABASE_URL": f"postgresql://wo_worker@{nowhere}/workflow", "VLLM_API_KEY": "k"}
    # a program that waits says so: how long a busy machine takes to start it must not be taken for waiting
    (tmp_path / "sitecustomize.py").write_text(
        "import time\nstock = time.sleep\ntime.sleep = lambda seconds: (print('waits', flush=True), stock(seconds))\n"
    )
    processes = {
        owner: subprocess.Popen(
            [sys.executable, *(re.sub(r"^http://[^/]+", f"http://{nowhere}", word) for word in command[1:])],
            env={**os.environ, **given, "PYTHONPATH": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for owner, command in asking.items()
    }
    try:
        said = {owner: process.stdout.readline() for owner, process in processes.items() if process.stdout}
    finally:
        for process in processes.values():
            process.kill()
            process.communicate()
    assert said == dict.fromkeys(asking, "waits\n")


# -- roles and databases


@pytest.fixture
def new(postgres: Server) -> Iterator[str]:
    """A name for a database and its owner that are not there yet; both go at the end."""
    name = f"chart_{os.getpid()}_{os.urandom(3).hex()}"
    yield name
    for database in (name, f"{name}_airflow"):
        postgres.drop_database(database)
    with postgres.admin() as conn:
        for role in [
            row[0] for row in conn.execute("select rolname from pg_roles where rolname like %s", (f"{name}%",))
        ]:
            conn.execute(f'drop owned by "{role}"')
            conn.execute(f'drop role "{role}"')


def _url(user: str, database: str, scheme: str = "postgresql") -> str:
    # the password needs its percent signs: it has an @ and a /
    return f"{scheme}://{user}:{'p%40ss%2Fword'}@db:5432/{database}"


def _make_roles(postgres: Server, name: str, **other: str) -> subprocess.CompletedProcess[str]:
    urls = {
        "DATABASE_OWNER_URL": _url(f"{name}_owner", name),
        "API_DATABASE_URL": _url(f"{name}_api", name),
        "WORKER_DATABASE_URL": _url(f"{name}_worker", name),
        "AIRFLOW_DATABASE_URL": _url(f"{name}_airflow", f"{name}_airflow", "postgresql+psycopg2"),
    }
    admin = {"PGHOST": postgres.socket, "PGUSER": "postgres", "PGDATABASE": "postgres"}
    env = {"PATH": os.environ["PATH"], **admin, **urls, **other}
    command = [sys.executable, str(ROLES)]
    return subprocess.run(command, env=env, check=False, capture_output=True, text=True, timeout=30)


def _ask(postgres: Server, query: str, *args: object) -> object:
    with postgres.admin() as conn:
        row = conn.execute(query, args).fetchone()
    assert row
    return row[0]


def test_roles_and_databases_are_made_and_making_them_again_changes_nothing(postgres: Server, new: str) -> None:
    first, second = (_make_roles(postgres, new) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert f"database {new}: created" in first.stdout
    assert "created" not in second.stdout
    assert "p@ss/word" not in first.stdout + second.stdout
    assert "p%40ss" not in first.stdout + second.stdout


def test_the_migrations_need_no_more_than_what_the_owner_is_given(postgres: Server, new: str) -> None:
    served = {f"{who.upper()}_DATABASE_URL": _url(f"wo_{who}", new) for who in ("api", "worker")}
    assert _make_roles(postgres, new, **served).returncode == 0
    asyncio.run(migrate(postgres.url(f"{new}_owner", new)))
    assert _ask(postgres, "select rolsuper or rolcreaterole or rolcreatedb from pg_roles where rolname = %s",
                f"{new}_owner") is False  # fmt: skip
    with psycopg.connect(postgres.url("wo_api", new)) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("delete from log_entries")


def test_airflow_and_the_platform_cannot_enter_each_others_database(postgres: Server, new: str) -> None:
    assert _make_roles(postgres, new).returncode == 0
    may = "select has_database_privilege(%s, %s, 'connect')"
    assert _ask(postgres, may, f"{new}_api", new) is True
    assert _ask(postgres, may, f"{new}_airflow", new) is False
    assert _ask(postgres, may, f"{new}_worker", f"{new}_airflow") is False


def test_passwords_are_stored_as_scram(postgres: Server, new: str) -> None:
    assert _make_roles(postgres, new).returncode == 0
    stored = str(_ask(postgres, "select rolpassword from pg_authid where rolname = %s", f"{new}_owner"))
    assert stored.startswith("SCRAM-SHA-256$")


def test_a_url_of_another_database_is_refused_by_name(postgres: Server) -> None:
    done = _make_roles(postgres, "nobodys", API_DATABASE_URL=_url("wo_api", "other"))
    assert done.returncode == 1
    assert "API_DATABASE_URL" in done.stderr
    assert "other" in done.stderr
