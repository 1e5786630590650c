"""Toxiproxy 2.5.0, a link that can be slowed and cut: built from source once, by its own go.mod and go.sum.

The program lies in the user's cache, named by a hash of what it was built from; Go checks every module by go.sum.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from ci.local.killing import free_port

_SOURCES = Path(__file__).with_suffix("")
_PACKAGE = "github.com/Shopify/toxiproxy/v2/cmd/server"
_START_SECONDS = 5


class NoGo(Exception):
    """Go is not installed, so toxiproxy cannot be built; the faults of the link need it (Go 1.26 or newer)."""


def program() -> Path:
    """Where the program is; built first when the cache has none for these sources."""
    recipe = b"".join((_SOURCES / name).read_bytes() for name in ("go.mod", "go.sum"))
    cache = Path(os.path.expanduser("~/.cache/workflow-orchestration/tools"))
    target = cache / f"toxiproxy-{hashlib.sha256(recipe).hexdigest()[:16]}"
    if not target.exists():
        _build(target)
    return target


def _build(target: Path) -> None:
    go = shutil.which("go")
    if go is None:
        raise NoGo(NoGo.__doc__)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.{os.getpid()}")
    subprocess.run([go, "build", "-mod=readonly", "-trimpath", "-o", str(draft), _PACKAGE], cwd=_SOURCES, check=True,
                   env={**os.environ, "CGO_ENABLED": "0"})  # fmt: skip
    draft.rename(target)


class Toxiproxy:
    """A running toxiproxy; `listen` opens a link through it, and its toxics make the link bad."""

    def __init__(self, said: Path) -> None:
        port = free_port()
        with said.open("ab") as out:
            self._process = subprocess.Popen(
                [str(program()), "-port", str(port)], stdout=out, stderr=out, start_new_session=True
            )
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=5)
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self._client.get("/version")
                return
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def listen(self, name: str, upstream: str) -> int:
        """A new link of this name; returns its port on loopback."""
        port = free_port()
        self._do("POST", "/proxies", {"name": name, "listen": f"127.0.0.1:{port}", "upstream": upstream})
        return port

    def cut(self, name: str, *, cut: bool) -> None:
        """Close the link's connections and refuse new ones; or let it be whole again."""
        self._do("POST", f"/proxies/{name}", {"enabled": not cut})

    def poison(self, name: str, kind: str, **attributes: int) -> None:
        """`latency` (latency, jitter in ms), `timeout` (0: nothing passes), `bandwidth` (rate in KB/s)."""
        for stream in ("upstream", "downstream"):
            self._do("POST", f"/proxies/{name}/toxics", {"type": kind, "stream": stream, "attributes": attributes})

    def heal(self) -> None:
        self._do("POST", "/reset", None)

    def _do(self, method: str, path: str, body: dict[str, Any] | None) -> None:
        self._client.request(method, path, json=body).raise_for_status()

    def __enter__(self) -> Toxiproxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._client.close()
