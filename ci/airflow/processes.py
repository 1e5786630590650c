"""A whole Airflow on this machine: api-server, scheduler with LocalExecutor, dag-processor, triggerer; real PostgreSQL.

Nothing of it is inside this process: it is reached as its users reach it, by its REST API.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from ci.airflow import environment
from ci.local.killing import free_port
from ci.local.postgres import OWNER, Server

PARTS = ("api-server", "scheduler", "dag-processor", "triggerer")
#: A start is 28 CPU-seconds; more on a machine that does other work too.
_READY_SECONDS = 180.0
#: The scheduler waits for its running tasks.
_STOP_SECONDS = 30.0
#: Signs sessions and tasks' tokens on this machine alone.
_KEY = "a key for this machine alone, of 32 bytes"


def template(server: Server, python: Path) -> str:
    """A migrated metadata database to copy, made once for each lock."""
    name = python.parents[1].name.replace("-", "_")
    with server.only_me():
        if not server.has_database(name):
            server.create_database(f"{name}_new")
            _airflow(python, ["db", "migrate"], _environment(server, f"{name}_new"))
            with server.admin() as conn:
                conn.execute(f'alter database "{name}_new" rename to "{name}"')
    return name


def _environment(server: Server, database: str) -> dict[str, str]:
    where = f"{OWNER}@/{database}?host={quote(server.socket)}"
    return {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{where}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{where}",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    }


def _airflow(python: Path, arguments: list[str], env: Mapping[str, str]) -> None:
    done = subprocess.run(
        [python, "-m", "airflow", *arguments],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"airflow {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-3000:]}")


@dataclass
class Airflow:
    """Its processes by part, and its REST API."""

    python: Path
    folder: Path
    env: dict[str, str]
    port: int
    parts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    # -- processes ----------------------------------------------------------------------------------------------------

    def start(self, part: str) -> None:
        arguments = {
            "api-server": ["--port", str(self.port), "--host", "127.0.0.1"],
            "triggerer": ["--skip-serve-logs"],
        }
        with (self.folder / f"{part}.log").open("ab") as log:
            self.parts[part] = subprocess.Popen(
                [self.python, "-m", "airflow", part, *arguments.get(part, [])],
                env={**os.environ, **self.env},
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self, part: str, number: int = signal.SIGTERM) -> None:
        process = self.parts.pop(part)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number) if number == signal.SIGKILL else process.send_signal(number)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def ready(self) -> bool:
        for part, process in self.parts.items():
            if process.poll() is not None:
                said = (self.folder / f"{part}.log").read_text(errors="replace")[-3000:]
                raise RuntimeError(f"airflow {part} ended with {process.returncode}:\n{said}")
        try:
            found = self.client().get("/monitor/health").json()
        except (httpx.HTTPError, ValueError):
            return False
        return all(found[part]["status"] == "healthy" for part in ("scheduler", "dag_processor", "triggerer"))

    # -- the REST API -------------------------------------------------------------------------------------------------

    @cached_property
    def _http(self) -> httpx.Client:
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}/api/v2", timeout=30)

    def client(self) -> httpx.Client:
        """Signed in, once the api-server answers: everybody is an administrator here."""
        if "authorization" not in self._http.headers:
            with contextlib.suppress(httpx.HTTPError):
                token = httpx.get(f"http://127.0.0.1:{self.port}/auth/token", timeout=10).json()["access_token"]
                self._http.headers["authorization"] = f"Bearer {token}"
        return self._http

    def call(self, method: str, path: str, **content: Any) -> Any:
        answer = self.client().request(method, path, **content)
        if answer.is_error:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def unpause(self, dag: str) -> None:
        self.until(lambda: self.client().get(f"/dags/{dag}").status_code == 200, f"DAG {dag}", seconds=60)
        self.call("PATCH", f"/dags/{dag}", params={"update_mask": "is_paused"}, json={"is_paused": False})

    def trigger(self, dag: str, run: str, **conf: Any) -> None:
        self.call("POST", f"/dags/{dag}/dagRuns", json={"dag_run_id": run, "logical_date": None, "conf": conf})

    def run_state(self, dag: str, run: str) -> str:
        return str(self.call("GET", f"/dags/{dag}/dagRuns/{quote(run)}")["state"])

    def task(self, dag: str, run: str, task: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/dags/{dag}/dagRuns/{quote(run)}/taskInstances/{task}")
        return found

    def xcom(self, dag: str, run: str, task: str, key: str = "return_value") -> Any:
        path = f"/dags/{dag}/dagRuns/{quote(run)}/taskInstances/{task}/xcomEntries/{key}"
        return self.call("GET", path)["value"]

    def clear(self, dag: str, run: str, task: str) -> None:
        body = {"dry_run": False, "dag_run_id": run, "task_ids": [task], "only_failed": False, "reset_dag_runs": True}
        self.call("POST", f"/dags/{dag}/clearTaskInstances", json=body)

    def until(self, look: Callable[[], Any], what: str, *, seconds: float = 60) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := look():
                return found
            time.sleep(0.2)
        raise AssertionError(f"not within {seconds:.0f} s: {what}")

    def until_task(self, dag: str, run: str, task: str, *states: str, seconds: float = 60) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.task(dag, run, task)
            return found if found["state"] in states else None

        return dict(self.until(look, f"{dag}.{task} of {run} {' or '.join(states)}", seconds=seconds))

    def until_run(self, dag: str, run: str, state: str, *, seconds: float = 90) -> None:
        ends = {"success", "failed"}
        found = self.until(
            lambda: (s := self.run_state(dag, run)) in ends and s, f"{dag} of {run} ended", seconds=seconds
        )
        assert found == state, f"{dag} of {run} is {found}, not {state}"


@contextlib.contextmanager
def running(server: Server, folder: Path, dags: Path, connections: Mapping[str, str], **env: str) -> Iterator[Airflow]:
    """A ready Airflow with a metadata database of its own and our provider installed. `connections`: id to JSON."""
    python = environment.python()
    site = environment.install_provider(folder / "provider")
    with server.copy_of(template(server, python)) as database:
        port = free_port()
        airflow = Airflow(
            python,
            folder,
            {
                **_environment(server, database),
                "PYTHONPATH": str(site),
                "AIRFLOW_HOME": str(folder),
                "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
                "AIRFLOW__CORE__PARALLELISM": "4",
                "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
                "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
                "AIRFLOW__CORE__FERNET_KEY": "",
                "AIRFLOW__API__WORKERS": "1",
                "AIRFLOW__API__SECRET_KEY": _KEY,
                "AIRFLOW__API_AUTH__JWT_SECRET": _KEY * 2,
                "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
                "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
                "AIRFLOW__TRIGGERER__TRIGGER_LOG_SERVER_PORT": str(free_port()),
                "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
                "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
                **{f"AIRFLOW_CONN_{name.upper()}": value for name, value in connections.items()},
                **env,
            },
            port,
        )
        try:
            for part in PARTS:
                airflow.start(part)
            airflow.until(airflow.ready, "Airflow ready", seconds=_READY_SECONDS)
            yield airflow
        finally:
            for part in [*airflow.parts]:
                airflow.stop(part)
