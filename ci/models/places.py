"""Where model servers, their weights and the load engine lie: the user's cache, shared by all checkouts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "workflow-orchestration"


def python(name: Literal["vllm", "vllm-gpu", "guidellm"]) -> Path:
    """The interpreter of an environment of its own; made from its lock when it is not there yet."""
    return _printed("ci/models/setup.sh", name, sys.executable)


def packages(version: str) -> Path:
    """A folder whose `python/` holds vLLM for a Python of this version, such as an image's; nothing here can run it."""
    return _printed("ci/models/setup.sh", f"vllm-py{version}", sys.executable)


def ollama() -> Path:
    """The program; built when it is not there yet."""
    return _printed("ci/models/ollama/build.sh")


class NotReadied(Exception):
    """Something that a model server is made of is missing; the script has said what."""


def _printed(script: str, *arguments: str) -> Path:
    made = subprocess.run(["sh", script, *arguments], cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True)
    if made.returncode:
        raise NotReadied(f"{script} {' '.join(arguments)} ended with {made.returncode}; the line above says why")
    return Path(made.stdout.strip())
