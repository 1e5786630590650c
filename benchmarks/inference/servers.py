"""The servers that are measured, on this machine's CPU with the tiny weights, or on its GPU with a model of yours."""

from __future__ import annotations

import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.inference.config import Backend
from benchmarks.inference.load import Target
from ci.models import ollama, vllm, weights
from ci.models.server import Server


class NotHereError(Exception):
    """A backend that this machine cannot run; the report says why, and leaves its numbers open."""


@dataclass(frozen=True)
class Machine:
    """What is measured on, and with which weights."""

    gpu: bool
    model: Path
    #: For the report, so that nobody takes a number for what it is not.
    label: str

    @classmethod
    def of(cls, model: str) -> Machine:
        """`model`: a folder of weights, which asks for the GPU; without one the tiny weights on the CPU."""
        cores = psutil.cpu_count()
        if not model:
            what = (
                "CPU numbers of a tiny random model: they say that all of it runs, and nothing of any real model or GPU"
            )
            return cls(gpu=False, model=weights.folder(), label=f"{what} ({cores} cores, {platform.machine()})")
        folder = Path(model).resolve()
        if not (folder / "config.json").exists():
            raise SystemExit(f"MODEL={model}: has no config.json; name a folder with a model's weights in safetensors")
        if shutil.which("nvidia-smi") is None:
            raise SystemExit("no GPU: nvidia-smi is not on PATH; `make bench-llm` measures on the CPU")
        asked = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
        card = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip().replace("\n", "; ")
        return cls(gpu=True, model=folder, label=f"GPU numbers: {card}; {folder.name}; {cores} cores")

    def server(self, backend: Backend, folder: Path) -> Server:
        """The backend's server, not yet started."""
        if backend.kind == "ollama":
            return self._ollama(backend, folder)
        sets: dict[str, Any] = dict(backend.sets)
        made = vllm.server(folder, sets=sets, model=str(self.model), gpu=self.gpu)
        made.command = [*made.command, *backend.arguments]
        return made

    def _ollama(self, backend: Backend, folder: Path) -> Server:
        if not self.gpu:
            return ollama.server(folder, env=backend.env)
        program = shutil.which("ollama")
        if program is None:
            raise NotHereError("ollama is not on PATH, and ours is built for the CPU alone")
        return ollama.server(folder, env=backend.env, source=self.model, program=Path(program))

    def target(self, server: Server) -> Target:
        return Target(server.url, server.model, self.model, key=server.key, has_health=server.health == "/health")


def versions(machine: Machine) -> dict[str, str]:
    """What the numbers belong to."""
    found = {"vLLM": vllm.VERSION, "Python": platform.python_version(), "kernel": platform.release()}
    found["Ollama"] = ollama.VERSION
    if machine.gpu and (program := shutil.which("ollama")):
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
        found["Ollama"] = said.stdout.split()[-1] if said.stdout.split() else "unknown"
    return found
