"""A real Ollama on this machine's CPU, with the chart's own settings, on the same tiny weights.

It imports the safetensors itself and writes its own GGUF of them, so both servers hold one set of numbers.

    python -m ci.models.ollama serve --port 11434        until Ctrl-C
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ci.local.killing import free_port
from ci.models import chart, places, weights
from ci.models.server import Server, serve

VERSION = "0.17.4"
MODEL = "tiny"
_VOLUME = "/models"
#: One thread, as vLLM has here: on a busy machine two that wait for each other are ten times slower than one.
_TINY = 'FROM {folder}\nTEMPLATE """{template}"""\nPARAMETER num_thread 1\n'


class Ollama(Server):
    """Ollama has a model only after it was told to make it."""

    recipe: str

    def start(self) -> None:
        super().start()
        recipe = self.folder / "Modelfile"
        recipe.write_text(self.recipe)
        command = [self.command[0], "create", self.model, "-f", str(recipe)]
        done = subprocess.run(command, env=self.env, check=False, capture_output=True, text=True)
        if done.returncode:
            self.kill()
            raise RuntimeError(f"ollama create: {done.stderr.strip()[-1000:]}")


def server(
    folder: Path,
    *,
    port: int | None = None,
    sets: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
    source: Path | None = None,
    program: Path | None = None,
) -> Server:
    """A server to start. `sets` are values of the chart by path, `env` goes over what the chart sets, `source` is a
    folder of safetensors other than the tiny weights', `program` an Ollama other than ours."""
    port = port or free_port()
    wanted = {"global.llm.model": MODEL, "ollama.server.pull": False, **(sets or {})}
    found = chart.container("ollama", sets=wanted)
    there = {name: value.replace(_VOLUME, str(folder), 1) for name, value in found.env.items()}
    made = Ollama(
        name="ollama",
        command=[str(program or places.ollama()), "serve"],
        env={"PATH": os.environ["PATH"], **there, "OLLAMA_HOST": f"127.0.0.1:{port}", **(env or {})},
        port=port,
        health="/",
        folder=folder,
        model=MODEL,
        start_seconds=60,
    )
    made.recipe = (
        f"FROM {source}\n" if source else _TINY.format(folder=weights.folder(), template=weights.OLLAMA_TEMPLATE)
    )
    return made


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ci.models.ollama", description=__doc__)
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--port", type=int, default=11434)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ollama-") as folder:
        serve(server(Path(folder), port=asked.port))


if __name__ == "__main__":
    main()
