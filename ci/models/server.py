"""A model server as a process on loopback: started, waited for, stopped as Kubernetes would stop it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import httpx

#: Between two words about a start that takes long.
_WORD_SECONDS = 15.0


@dataclass
class Server:
    """One server. `base_url`, `model` and `key` are what a client needs."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    port: int
    #: Path that answers 200 once the server can answer.
    health: str
    #: Where it runs and its log lies.
    folder: Path
    model: str
    key: str = ""
    #: Seconds that the slowest start takes, on a busy machine.
    start_seconds: float = 420.0
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """What clients of the OpenAI protocol are given."""
        return f"{self.url}/v1"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start and wait until it can answer; a session of its own, so that its children end with it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.env, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        began = told = time.monotonic()
        while not self._answers():
            if not self.runs:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{self.tail()}")
            now = time.monotonic()
            if now - began > self.start_seconds:
                self.kill()
                raise TimeoutError(f"{self.name} did not answer within {self.start_seconds:.0f} s:\n{self.tail()}")
            if now - told > _WORD_SECONDS:
                told = now
                print(f"{self.name}: loading, {now - began:.0f} s", file=sys.stderr, flush=True)
            time.sleep(0.25)

    def _answers(self) -> bool:
        try:
            return httpx.get(self.url + self.health, timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def terminate(self) -> None:
        """SIGTERM, as a pod gets it; it drains in its own time."""
        if self.process is not None:
            self.process.terminate()

    def wait(self, seconds: float) -> int:
        assert self.process is not None
        return self.process.wait(seconds)

    def kill(self) -> None:
        """SIGKILL to it and its children."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, seconds: float = 20.0) -> None:
        """SIGTERM, and SIGKILL to what is left of it."""
        self.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired, AssertionError):
            self.wait(seconds)
        self.kill()

    def tail(self, letters: int = 3000) -> str:
        return self.log.read_text(errors="replace")[-letters:] if self.log.exists() else ""

    @contextlib.contextmanager
    def running(self) -> Iterator[Server]:
        try:
            self.start()
            yield self
        finally:
            self.stop()


def serve(server: Server) -> None:
    """Run in the foreground until Ctrl-C, SIGTERM, or its own end."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    with contextlib.suppress(KeyboardInterrupt), server.running():
        print(f"{server.name}: {server.model} at {server.base_url}, log {server.log}", flush=True)
        assert server.process is not None
        code = server.process.wait()
        raise SystemExit(f"{server.name} ended with {code}:\n{server.tail()}")
