"""`make up`: PostgreSQL, migrations, api and worker on this machine, in the foreground, until Ctrl-C.

State stays in .state and .env, so the next `make up` goes on where this one stopped. Children stop first, so that
the worker can give its items back; PostgreSQL last.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import honcho.manager
import psycopg

from ci.local import env_file, places
from ci.local.places import DATABASE, ROOT, LocalError
from ci.local.postgres import API, OWNER, WORKER, Server
from workflow_orchestration import settings as settings_module
from workflow_orchestration.domain.errors import SettingsError
from workflow_orchestration.settings import Settings

#: What honcho returns when a person (Ctrl-C) or `make down` (SIGTERM) ended it: for us the normal end.
_ASKED_TO_STOP = (130, 143)


def main() -> int:
    os.chdir(ROOT)
    # until honcho takes over, `make down` ends this as Ctrl-C does: through every `finally`
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with places.only_one():
            code = run()
            print("make up: stopped; state is kept in .state (`make reset` wipes it)")
            return code
    except KeyboardInterrupt:
        return 0
    except (LocalError, SettingsError) as problem:
        print(f"make up: {problem}", file=sys.stderr)
        return 1


def run() -> int:
    if count := places.stop_leftovers(seconds=15):
        print(f"make up: stopped {count} processes of an earlier `make up` that was killed")
    server = Server(places.POSTGRES)
    try:
        settings = _settings(server)
        _check_ports(settings)
        server.migrated(DATABASE)
        return _supervise(server, settings, load_book=_book_is_empty(server))
    finally:
        server.stop()


def _settings(server: Server) -> Settings:
    """The api's settings; the embedded database wins over what .env says of a database."""
    if env_file.ensure(places.ENV_FILE, server):
        print("make up: wrote .env with fresh keys")
    elif stale := env_file.stale_addresses(places.ENV_FILE, server):
        print(f"make up: {' and '.join(stale)} in .env point to another database; make up uses {server.socket}")
    os.environ["DATABASE_URL"] = server.url(API, DATABASE)
    os.environ["DATABASE_OWNER_URL"] = server.url(OWNER, DATABASE)
    return settings_module.load()


def _check_ports(settings: Settings) -> None:
    wanted = [
        ("API_PORT", settings.api_host, settings.api_port),
        ("METRICS_PORT", settings.api_host, settings.metrics_port),
        ("METRICS_PORT + 1 (the worker's)", settings.api_host, settings.metrics_port + 1),
    ]
    for name, host, port in wanted:
        if _is_busy(host, port):
            raise LocalError(
                f"{name}: {host}:{port} is in use by another program; set another {name.split()[0]} in .env"
            )


def _is_busy(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # as uvicorn binds: a connection of the last run that lingers in TIME_WAIT is no obstacle
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def _book_is_empty(server: Server) -> bool:
    with psycopg.connect(server.url(OWNER, DATABASE)) as conn:
        return conn.execute("select not exists (select from book_rows)").fetchone() == (True,)


def _supervise(server: Server, settings: Settings, *, load_book: bool) -> int:
    # a worker drains before it stops; honcho's own 5 s would kill it in the middle
    honcho.manager.KILL_WAIT = settings.drain_seconds + 5
    base = {**os.environ, places.MARK: str(ROOT), "PYTHONUNBUFFERED": "1"}
    worker = {**base, "DATABASE_URL": server.url(WORKER, DATABASE), "METRICS_PORT": str(settings.metrics_port + 1)}
    wo = Path(sys.executable).parent / "wo"
    manager = honcho.manager.Manager()
    manager.add_process("api", f"exec '{wo}' serve api", env=base)
    manager.add_process("worker", f"exec '{wo}' serve worker", env=worker)
    greeting = [sys.executable, "-m", "ci.local.welcome", *(["--load-book"] if load_book else [])]
    welcome = subprocess.Popen(greeting, env=base, start_new_session=True)
    try:
        manager.loop()
    finally:
        welcome.terminate()
        welcome.wait()
    return 0 if manager.returncode in _ASKED_TO_STOP else _failed(manager)


def _failed(manager: honcho.manager.Manager) -> int:
    print(f"make up: a process ended by itself (exit {manager.returncode}); its last lines above say why")
    return 1


if __name__ == "__main__":
    sys.exit(main())
