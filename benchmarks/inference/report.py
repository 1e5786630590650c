"""The report of `make bench-llm`, as Markdown and HTML, from the kept results: docs/benchmarks.md beside its plots.

.venv/bin/python -m benchmarks.inference.report        writes it anew from the newest results
"""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from benchmarks.inference import cost
from benchmarks.inference.config import HERE, Config, read
from benchmarks.inference.lines import lines
from benchmarks.inference.results import ENOUGH_FOR_P99, Point, Request, Spread

ROOT = HERE.parents[1]
RESULTS = HERE / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
#: Two backends whose answers differ by more of their length than this were not asked for the same.
SAME_LENGTH = 0.02


@dataclass(frozen=True)
class About:
    """What a set of results belongs to."""

    label: str
    form: str
    day: date
    minutes: float
    #: The machine's load average before anything was started, and its cores: above half of them, others worked too.
    load_before: float
    cores: int
    versions: Mapping[str, str]
    price: str
    gpu: bool


@dataclass(frozen=True)
class Kept:
    """The newest results of a CPU or of a GPU."""

    about: About
    points: tuple[Point, ...]
    left_out: tuple[str, ...]


def keep(about: About, points: Sequence[Point], left_out: Sequence[str], requests: Sequence[tuple[Any, ...]]) -> None:
    """Over what was kept of the same kind of machine before; git has that."""
    folder = RESULTS / ("gpu" if about.gpu else "cpu")
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "about": {**asdict(about), "day": about.day.isoformat()},
        "points": [point.as_json() for point in points],
        "left_out": list(left_out),
    }
    (folder / "points.json").write_text(json.dumps(content, indent=1) + "\n")
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["backend", "workload", "shape", "offered", *Request.__annotations__])
    rows.writerows([[f"{cell:.4g}" if isinstance(cell, float) else cell for cell in row] for row in requests])
    (folder / "requests.csv.gz").write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


def kept(kind: str) -> Kept | None:
    file = RESULTS / kind / "points.json"
    if not file.exists():
        return None
    found = json.loads(file.read_text())
    about = About(**{**found["about"], "day": date.fromisoformat(found["about"]["day"])})
    return Kept(about, tuple(_point(point) for point in found["points"]), tuple(found["left_out"]))


def _point(found: dict[str, Any]) -> Point:
    spreads = {name: Spread(**found[name]) for name in ("first_token", "output_token", "latency", "scheduled")}
    return Point(**{**found, **spreads})


def write(config: Config) -> list[Path]:
    """Both forms of the report and its plots."""
    sets = [found for kind in ("gpu", "cpu") if (found := kept(kind))]
    parts = [part(found, config) for found in sets]
    written = [PAGE, RESULTS / "report.html"]
    for shown in parts:
        for name, svg in shown["plots"].items():
            file = RESULTS / shown["kind"] / f"{name}.svg"
            file.write_text(svg)
            written.append(file)
    gpu = any(found.about.gpu for found in sets)
    seen = {"parts": parts, "config": config, "gpu": gpu, "enough": ENOUGH_FOR_P99}
    RESULTS.mkdir(exist_ok=True)
    PAGE.write_text(_template("report.md.j2").render(**seen))
    (RESULTS / "report.html").write_text(_template("report.html.j2").render(**seen))
    return written


def _template(name: str) -> Any:
    made = Environment(
        loader=FileSystemLoader(HERE),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=select_autoescape(["html.j2"]),
    )
    return made.get_template(name)


def part(found: Kept, config: Config) -> dict[str, Any]:
    """One machine's results, as the templates want them."""
    labels = {backend.name: backend.label for backend in config.backends}
    names = sorted({point.workload for point in found.points}, reverse=True)
    price = config.prices[found.about.price]
    return {
        "kind": "gpu" if found.about.gpu else "cpu",
        "about": found.about,
        "left_out": found.left_out,
        "busy": found.about.load_before > found.about.cores / 2,
        "price": price,
        "calls": cost.CALLS_A_CASE,
        "workloads": [workload(name, found, labels) for name in names],
        "costs": [
            (labels[backend], name, cost.curve(points, price))
            for name in names
            for backend, points in by_backend(found.points, name).items()
        ],
        "plots": plots(found, labels, config),
    }


def workload(name: str, found: Kept, labels: Mapping[str, str]) -> dict[str, Any]:
    points = [point for point in found.points if point.workload == name]
    rows = [{"backend": labels[p.backend], "point": p, "notes": notes(p)} for p in points]
    servers = sorted({title for p in points for title in p.server})
    return {"name": name, "rows": rows, "servers": servers, "warnings": unlike(points, labels)}


def notes(point: Point) -> list[str]:
    """What must be known before a row is believed."""
    found = []
    if point.answered < ENOUGH_FOR_P99:
        found.append(f"p99 of {point.answered}")
    if point.shape == "open" and point.unfinished:
        found.append(f"{point.unfinished} not answered in time: the tail is longer than it says")
    if point.late_client:
        found.append("client late")
    return found


def unlike(points: Sequence[Point], labels: Mapping[str, str]) -> list[str]:
    """Backends that wrote answers of another length: their times say nothing of each other."""
    lengths = {backend: _mean_length(found) for backend, found in by_backend(points).items()}
    first, *others = lengths.items()
    return [
        f"{labels[name]} wrote {length:.1f} tokens an answer and {labels[first[0]]} {first[1]:.1f}: "
        "their latencies and throughputs are not comparable"
        for name, length in others
        if abs(length - first[1]) > SAME_LENGTH * first[1]
    ]


def _mean_length(points: Sequence[Point]) -> float:
    return sum(p.tokens_out * p.answered for p in points) / sum(p.answered for p in points)


def by_backend(points: Sequence[Point], name: str | None = None) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {}
    for point in points:
        if name is None or point.workload == name:
            found.setdefault(point.backend, []).append(point)
    return found


def plots(found: Kept, labels: Mapping[str, str], config: Config) -> dict[str, str]:
    """Throughput over concurrency, latency over load, cost over load: of each workload."""
    made: dict[str, str] = {}
    price = config.prices[found.about.price]
    for name in sorted({point.workload for point in found.points}):
        groups = by_backend(found.points, name)
        closed = {labels[b]: [(p.offered, p.output_tokens_per_second) for p in ps if p.shape == "closed"]
                  for b, ps in groups.items()}  # fmt: skip
        opened = {labels[b]: [(p.offered, p.scheduled.p95) for p in ps if p.shape == "open"]
                  for b, ps in groups.items()}  # fmt: skip
        costs = {labels[b]: [(c.requests_per_second, c.per_million_tokens) for c in cost.curve(ps, price)]
                 for b, ps in groups.items()}  # fmt: skip
        made[f"{name}-throughput"] = lines(
            f"{name}: output tokens a second", closed, x="requests at once", y="tokens/s"
        )
        made[f"{name}-latency"] = lines(
            f"{name}: p95 from the planned start", opened, x="requests offered a second", y="ms"
        )
        made[f"{name}-cost"] = lines(
            f"{name}: USD a million output tokens", costs, x="requests answered a second", y="USD"
        )
    return made


if __name__ == "__main__":
    print("\n".join(str(path.relative_to(ROOT)) for path in write(read())))
