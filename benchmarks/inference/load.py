"""GuideLLM, the load engine: asked by its command line, in an environment of its own, offline.

It measures from the moment a request was meant to leave: a server that falls behind cannot hide it by slowing us down.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.inference import agents
from benchmarks.inference.config import Workload
from ci.models import places

VERSION = "0.8.1"
#: The name of a strategy, and of the number that is varied in it.
SHAPES = {"closed": ("concurrent", "streams"), "open": ("poisson", "rate"), "even": ("constant", "rate")}
#: How many times its planned length an overloaded measurement may take to answer all that was offered.
_PATIENCE = 5
#: What GuideLLM needs to start and to end on a machine that does other work too.
_SPARE_SECONDS = 150
_TRIES = 2
#: A client on the same machine takes a core from the server; more of them than half its cores would take both.
_CLIENTS = max(1, (os.cpu_count() or 2) // 4)


class LoadError(Exception):
    """The load engine gave no measurement; what it said last is in here."""


@dataclass(frozen=True)
class Target:
    """A server, as the load engine is told of it."""

    #: Without /v1.
    url: str
    model: str
    #: A folder with its tokenizer.
    tokenizer: Path
    key: str = ""
    #: Ollama has no /health to ask first.
    has_health: bool = True


def run(
    target: Target,
    workload: Workload,
    shape: Literal["closed", "open", "even"],
    points: Sequence[float],
    *,
    seconds: int,
    seed: int,
    folder: Path,
) -> list[dict[str, Any]]:
    """One measurement a point, as GuideLLM reports it."""
    folder.mkdir(parents=True, exist_ok=True)
    report = folder / f"{workload.name}-{shape}-{seed}.json"
    command = _command(target, workload, shape, points, seconds=seconds, seed=seed, report=report)
    patience = len(points) * seconds * (2 if shape == "closed" else _PATIENCE + 1) + _SPARE_SECONDS
    for _ in range(_TRIES):
        code = _guarded(command, folder, report.with_suffix(".log"), patience)
        if code == 0 and report.exists():
            found: list[dict[str, Any]] = json.loads(report.read_text())["benchmarks"]
            return found
    said = report.with_suffix(".log").read_text()[-3000:]
    raise LoadError(f"guidellm ended with {code}, {_TRIES} times; the last words:\n{said}")


def _guarded(command: Sequence[str], folder: Path, said: Path, seconds: float) -> int:
    """Its exit code; killed with its workers when it hangs, as it does now and then on a machine that is too busy."""
    with said.open("w") as log:
        process = subprocess.Popen(command, env=_environment(folder), stdout=log, stderr=log, start_new_session=True)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return -signal.SIGKILL
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _command(
    target: Target,
    workload: Workload,
    shape: str,
    points: Sequence[float],
    *,
    seconds: int,
    seed: int,
    report: Path,
) -> list[str]:
    kind, varied = SHAPES[shape]
    first, *_ = points
    number: Any = [first] if varied == "rate" else [int(first)]
    told = ",".join(f"{point:.4g}" if varied == "rate" else str(int(point)) for point in points)
    return [
        str(places.python("guidellm").parent / "guidellm"),
        "run",
        "--disable-console",
        f"--backend={json.dumps(_backend(target, workload))}",
        f"--tokenizer=kind=hf_auto,model={target.tokenizer}",
        f"--profile={json.dumps({'kind': kind, varied: number})}",
        f"--override=profile.{varied}",
        told,
        *_ends(shape, points, seconds),
        f"--data={json.dumps(_data(workload, report.parent))}",
        f"--seed=kind=static,value={seed}",
        f"--output=kind=json,path={report}",
    ]


def _ends(shape: str, points: Sequence[float], seconds: int) -> list[str]:
    """A closed loop ends by the clock, an open one when all that it offered is answered: the clock would cut off the
    slowest."""
    if shape == "closed":
        return [f"--constraint=kind=max_duration,seconds={seconds}"]
    counts = [max(1, math.ceil(rate * seconds)) for rate in points]
    patience = _PATIENCE * seconds
    return [
        f"--constraint={json.dumps({'kind': 'max_requests', 'count': counts})}",
        f"--constraint=kind=max_duration,seconds={patience}",
    ]


def _backend(target: Target, workload: Workload) -> dict[str, Any]:
    """Ollama reads `max_tokens` alone and GuideLLM sends the newer name: both, or the answers' lengths differ."""
    body: dict[str, Any] = {"max_tokens": workload.output_tokens, "temperature": 1.0}
    if not workload.prompt_tokens:
        body |= {"max_completion_tokens": workload.output_tokens, **agents.body()}
    return {
        "kind": "openai_http",
        "target": target.url,
        "model": target.model,
        "request_format": "/v1/chat/completions",
        "api_key": target.key or None,
        "validate_backend": target.has_health,
        "timeout": 300,
        "http2": False,
        "extras": {"body": body},
    }


def _data(workload: Workload, folder: Path) -> Mapping[str, Any]:
    if not workload.prompt_tokens:
        return {"kind": "json_file", "path": str(agents.write(folder / "agents.jsonl"))}
    return {
        "kind": "synthetic_text",
        "prompt_tokens": workload.prompt_tokens,
        "output_tokens": workload.output_tokens,
    }


def _environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "HF_HOME": str(folder / "huggingface"),  # it copies data sets to there
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "GUIDELLM__MAX_WORKER_PROCESSES": str(_CLIENTS),
    }
