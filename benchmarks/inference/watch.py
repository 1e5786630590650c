"""What the server's side shows while it is measured: its own metrics, its processor time, its GPU."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
import psutil

from ci.models.server import Server

_EVERY_SECONDS = 1.0
_LINE = re.compile(r"^(vllm:[a-z_]+)(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
#: Name in the report -> metric; the highest value seen.
_GAUGES = {
    "waiting, most": "vllm:num_requests_waiting",
    "running, most": "vllm:num_requests_running",
    "cache used, most": "vllm:kv_cache_usage_perc",
}
#: The same; what was added.
_COUNTERS = {
    "put off": "vllm:num_preemptions_total",
    "refused": "vllm:admission_rejections_total",
    "prefix asked": "vllm:prefix_cache_queries_total",
    "prefix found": "vllm:prefix_cache_hits_total",
}


@dataclass(frozen=True)
class Sample:
    """One look."""

    at: float
    metrics: Mapping[str, float]
    #: Processor seconds of the server and its children so far.
    processor: float
    #: Per cent of the time in which a GPU did anything at all; None without one.
    gpu: float | None


@dataclass
class Watch:
    """Looks once a second, in a thread of its own, until it is left."""

    server: Server
    samples: list[Sample] = field(default_factory=list)

    def __enter__(self) -> Watch:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look_on(self) -> None:
        while True:
            self.samples.append(look(self.server))
            if self._over.wait(_EVERY_SECONDS):
                return

    def window(self, begin: float, end: float) -> dict[str, float]:
        """What was seen between two moments (seconds since 1970), by its name in the report."""
        seen = [s for s in self.samples if begin - _EVERY_SECONDS <= s.at <= end + _EVERY_SECONDS]
        return summed(seen)


def look(server: Server) -> Sample:
    return Sample(time.time(), _metrics(server), _processor(server), _gpu())


def summed(seen: list[Sample]) -> dict[str, float]:
    if len(seen) < 2:
        return {}
    first, last = seen[0], seen[-1]
    found = {"processor cores": (last.processor - first.processor) / (last.at - first.at)}
    for name, metric in _GAUGES.items():
        if values := [s.metrics[metric] for s in seen if metric in s.metrics]:
            found[name] = max(values)
    for name, metric in _COUNTERS.items():
        if metric in first.metrics and metric in last.metrics:
            found[name] = last.metrics[metric] - first.metrics[metric]
    if used := [s.gpu for s in seen if s.gpu is not None]:
        found["GPU busy, %"] = sum(used) / len(used)
    asked = found.pop("prefix asked", 0)
    hit = found.pop("prefix found", 0)
    if asked:
        found["prefix cache hits, %"] = 100 * hit / asked
    return found


def _metrics(server: Server) -> dict[str, float]:
    """Ollama has none."""
    if server.health == "/":
        return {}
    try:
        text = httpx.get(f"{server.url}/metrics", timeout=5).text
    except httpx.HTTPError:  # a busy server: the next look will do
        return {}
    found: dict[str, float] = {}
    for name, value in _LINE.findall(text):
        found[name] = found.get(name, 0.0) + float(value)
    return found


def _processor(server: Server) -> float:
    assert server.process is not None
    used = 0.0
    try:
        root = psutil.Process(server.process.pid)
        for process in (root, *root.children(recursive=True)):
            times = process.cpu_times()
            used += times.user + times.system
    except psutil.NoSuchProcess:
        return used
    return used


def _gpu() -> float | None:
    if shutil.which("nvidia-smi") is None:
        return None
    asked = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
    return max((float(word) for word in said), default=None)
