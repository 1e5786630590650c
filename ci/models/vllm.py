"""A real vLLM on this machine's CPU, with the chart's own flags, on the tiny weights.

python -m ci.models.vllm serve --port 8000        until Ctrl-C; the key is "local"
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ci.local.killing import free_port
from ci.models import chart, places, weights
from ci.models.server import Server, serve

VERSION = "0.32.0"
MODEL = "tiny"
KEY = "local"
#: Where the pod has a volume or a ConfigMap, and where that is here.
_MIDDLEWARE = str(places.ROOT / "charts" / "vllm" / "files")
_VOLUME = str(places.CACHE / "vllm-volume")


def server(
    folder: Path,
    *,
    port: int | None = None,
    sets: Mapping[str, Any] | None = None,
    key: str = KEY,
    model: str = "",
    gpu: bool = False,
) -> Server:
    """A server to start. `sets` are values of the chart by path; `model` is a folder other than the tiny weights'."""
    port = port or free_port()
    wanted = {
        "global.llm.model": MODEL,
        "vllm.model.name": model or str(weights.folder()),
        "vllm.model.servedName": MODEL,
        "vllm.model.revision": "",
        "vllm.cache.offline": True,
        **(sets or {}),
    }
    found = chart.container("vllm-gpu" if gpu else "vllm", sets=wanted)
    interpreter = str(places.python("vllm-gpu" if gpu else "vllm"))
    args = [_local(arg, port) for arg in found.args]
    env = {name: _here(value, folder) for name, value in found.env.items()}
    return Server(
        name="vllm",
        command=[interpreter, *found.command[1:], *args],
        env={**_plain_environment(), **env, "VLLM_API_KEY": key},
        port=port,
        health="/health",
        folder=folder,
        model=MODEL,
        key=key,
    )


def _local(arg: str, port: int) -> str:
    """The address is the one thing that differs from the pod's."""
    return {"--host=0.0.0.0": "--host=127.0.0.1", "--port=8000": f"--port={port}"}.get(arg, arg)


def _here(value: str, folder: Path) -> str:
    for there, here in (("/etc/vllm", _MIDDLEWARE), ("/models", _VOLUME), ("/tmp", str(folder))):  # noqa: S108
        if value == there or value.startswith(f"{there}/"):
            return here + value.removeprefix(there)
    return value


def _plain_environment() -> dict[str, str]:
    """Nothing of the caller's but what a process needs; vLLM reads dozens of variables."""
    kept = ("PATH", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_VISIBLE_DEVICES")
    return {name: os.environ[name] for name in kept if name in os.environ}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ci.models.vllm", description=__doc__)
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--model", default="", help="a folder of weights; by default the tiny ones")
    parser.add_argument("--key", default=KEY)
    parser.add_argument("--set", action="append", default=[], metavar="VALUE", help="vllm.server.maxNumSeqs=2, say")
    asked = parser.parse_args()
    sets = {name: _number(value) for name, value in (pair.split("=", 1) for pair in asked.set)}
    with tempfile.TemporaryDirectory(prefix="vllm-") as folder:
        serve(server(Path(folder), port=asked.port, sets=sets, key=asked.key, model=asked.model))


def _number(text: str) -> Any:
    return int(text) if text.isdigit() else text


if __name__ == "__main__":
    main()
