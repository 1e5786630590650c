"""Where `make up` keeps its state, and what it finds of an earlier one."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import fasteners
import psutil

from ci.local.postgres import Server

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".state"
ENV_FILE = ROOT / ".env"
POSTGRES = STATE / "postgres"
PID_FILE = STATE / "up.pid"
DATABASE = "wo"
SAMPLE_BOOK = "src/workflow_orchestration/sample/book.json"

#: Set in every process that `make up` starts, so that one whose parent was killed can be found again.
MARK = "WO_MADE_BY"


class LocalError(Exception):
    """Something that the person at the terminal must know; printed as one line, exit 1."""


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Hold the place of the one running `make up`; the pid file says who holds it."""
    STATE.mkdir(exist_ok=True)
    lock = fasteners.InterProcessLock(STATE / "up.lock")
    if not lock.acquire(blocking=False):
        raise LocalError(f"make up is already running (pid {running_pid() or 'unknown'}); stop it with `make down`")
    PID_FILE.write_text(str(os.getpid()))
    try:
        yield
    finally:
        PID_FILE.unlink(missing_ok=True)
        lock.release()


def running_pid() -> int | None:
    """The pid of the running `make up`; None when there is none (a killed one leaves its file behind)."""
    if not PID_FILE.exists():
        return None
    pid = int(PID_FILE.read_text() or 0)
    try:
        return pid if "ci.local.up" in psutil.Process(pid).cmdline() else None
    except psutil.NoSuchProcess:
        return None


def leftovers() -> list[psutil.Process]:
    """Processes of a `make up` that was killed before it could stop them."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            if process.environ().get(MARK) == str(ROOT) and process.pid != os.getpid():
                found.append(process)
    return found


def stop_leftovers(seconds: float) -> int:
    """Ask leftover processes to stop, and end those that do not; returns how many there were."""
    found = leftovers()
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(found, timeout=seconds)
    for process in alive:
        process.kill()
    return len(found)


def stop_postgres(folder: Path) -> bool:
    """Stop the embedded server of this folder; False when none runs there."""
    pid_file = folder / "postmaster.pid"
    if not pid_file.exists() or not psutil.pid_exists(int(pid_file.read_text().splitlines()[0])):
        return False
    Server(folder).stop()
    return True


def wipe() -> None:
    """Stop every embedded server of this checkout and remove its state."""
    if not STATE.exists():
        return
    for folder in STATE.iterdir():
        if (folder / "PG_VERSION").exists():
            stop_postgres(folder)
    shutil.rmtree(STATE)
