"""Measure every backend of config.toml and write the report.

make bench-llm                                  this machine's CPU, the tiny weights, the short form
FULL=1 make bench-llm                           the whole grid
MODEL=/path/to/model make bench-llm-gpu         a GPU, a model of yours, the whole grid
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import httpx

from benchmarks.inference import load, report, results
from benchmarks.inference.config import Backend, Config, Form, Workload, read
from benchmarks.inference.results import Point
from benchmarks.inference.servers import Machine, NotHereError, versions
from benchmarks.inference.watch import Watch
from ci.models.server import Server

Shape = Literal["closed", "open"]
_WARM_UP = 20


@dataclass
class Findings:
    """What a run has measured, and what it could not."""

    points: list[Point] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    #: One row a request: backend, workload, shape, offered load, and its times.
    requests: list[tuple[Any, ...]] = field(default_factory=list)


def measure(config: Config, machine: Machine, form: Form, folder: Path, findings: Findings) -> None:
    """Every backend after the other: two servers at once would share the machine."""
    for backend in config.backends:
        _say(f"{backend.label}: starting")
        try:
            server = machine.server(backend, folder / backend.name)
        except NotHereError as reason:
            findings.left_out.append(f"{backend.label}: {reason}")
            continue
        with server.running(), Watch(server) as watch:
            _warm_up(server)
            for name in backend.workloads:
                bench = Bench(config, backend, config.workloads[name], machine, server, watch, folder, findings)
                bench.measure(form)


@dataclass
class Bench:
    """One backend under one workload."""

    config: Config
    backend: Backend
    workload: Workload
    machine: Machine
    server: Server
    watch: Watch
    folder: Path
    findings: Findings

    def measure(self, form: Form) -> None:
        try:
            self._both_shapes(form)
        except load.LoadError as error:
            self.findings.left_out.append(f"{self.backend.label}, {self.workload.name}: {str(error).splitlines()[0]}")
            _say(str(error))

    def _both_shapes(self, form: Form) -> None:
        closed = self._points("closed", [float(n) for n in form.concurrency], form)
        if not closed:
            return
        most = max(point.requests_per_second for point in closed)
        self._points("open", [most * part for part in form.loads], form)

    def _points(self, shape: Shape, offered: Sequence[float], form: Form) -> list[Point]:
        runs = [self._run(shape, offered, form, repeat) for repeat in range(form.repeats)]
        found = [self._point(shape, load_, [run[n] for run in runs]) for n, load_ in enumerate(offered)]
        return [point for point in found if point is not None]

    def _run(self, shape: Shape, offered: Sequence[float], form: Form, repeat: int) -> list[dict[str, Any]]:
        _say(f"{self.backend.label}: {self.workload.name}, {shape}, {', '.join(f'{x:.3g}' for x in offered)}")
        # another seed each time: a prompt that was asked before would be found in the cache
        seed = 1000 * (repeat + 1) + (shape == "open")
        target = self.machine.target(self.server)
        where = self.folder / self.backend.name
        return load.run(target, self.workload, shape, offered, seconds=form.seconds, seed=seed, folder=where)

    def _point(self, shape: Shape, offered: float, measured: list[dict[str, Any]]) -> Point | None:
        windows = [self.watch.window(one["start_time"], one["end_time"]) for one in measured]
        try:
            point = results.point(
                measured,
                backend=self.backend.name,
                workload=self.workload.name,
                shape=shape,
                offered=offered,
                limits=self.config.limits,
                server=_mean(windows),
            )
        except ValueError as error:
            self.findings.left_out.append(str(error))
            return None
        key = (self.backend.name, self.workload.name, shape, round(offered, 3))
        self.findings.requests += [
            (*key, *vars(request).values()) for one in measured for request in results.requests(one)
        ]
        self.findings.points.append(point)
        return point


def _mean(windows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = {name for window in windows for name in window}
    seen = {name: [window[name] for window in windows if name in window] for name in sorted(names)}
    return {name: sum(values) / len(values) for name, values in seen.items()}


def _warm_up(server: Server) -> None:
    """What a server does for the first time is not what it does."""
    body = {"model": server.model, "max_tokens": 8, "temperature": 1}
    with httpx.Client(base_url=server.base_url, headers=server.headers, timeout=120) as client:
        for n in range(_WARM_UP):
            asked = {**body, "messages": [{"role": "user", "content": f"warm-up {n}"}]}
            client.post("/chat/completions", json=asked).raise_for_status()


def _say(text: str) -> None:
    print(f"bench-llm: {text}", file=sys.stderr, flush=True)


def main(now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inference.run", description=__doc__)
    parser.add_argument("--form", choices=["short", "full"], default="short")
    parser.add_argument("--model", default="", help="a folder of weights: measures on the GPU")
    parser.add_argument("--price", default="", help="a name of prices.toml; cpu, or a10g on a GPU, by default")
    asked = parser.parse_args()
    # a time limit ends this with SIGTERM, which would leave a model's server behind: let it be as Ctrl-C is
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    config, machine, findings = read(), Machine.of(asked.model), Findings()
    began, load_before = time.monotonic(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="bench-llm-") as folder:
        measure(config, machine, config.forms[asked.form], Path(folder), findings)
    about = report.About(
        label=machine.label,
        form=asked.form,
        day=now().date(),
        minutes=(time.monotonic() - began) / 60,
        load_before=load_before,
        cores=os.cpu_count() or 1,
        versions={"GuideLLM": load.VERSION, **versions(machine)},
        price=asked.price or ("a10g" if machine.gpu else "cpu"),
        gpu=machine.gpu,
    )
    report.keep(about, findings.points, findings.left_out, findings.requests)
    _say(f"written: {', '.join(str(path) for path in report.write(config))}")
    return 0 if findings.points else 1


if __name__ == "__main__":
    sys.exit(main())
