"""A whole Airflow on this machine: api-server, scheduler with LocalExecutor, dag-processor, triggerer; real PostgreSQL.

Nothing of it is inside this process: it is reached as its users reach it, by its REST API.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import httpx

from ci.airflow import environment
from ci.airflow.rest import Rest
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
class Airflow(Rest):
    """Its processes by part, and its REST API: everybody is an administrator here."""

    python: Path
    folder: Path
    env: dict[str, str]
    port: int
    parts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(f"http://127.0.0.1:{self.port}")

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
