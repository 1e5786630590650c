"""Clocks: CPU seconds of process families, and percentiles."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import psutil


def cpu_seconds(pid: int) -> float:
    """User and system seconds of a process and all its descendants, ended ones included (their parent counts them)."""
    total = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                spent = process.cpu_times()
                total += spent.user + spent.system + spent.children_user + spent.children_system
    return total


def own_seconds() -> float:
    """User and system seconds of this process alone."""
    spent = psutil.Process().cpu_times()
    return float(spent.user + spent.system)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def summary(values: Sequence[float]) -> dict[str, float]:
    """In milliseconds, of values in seconds."""
    found = {"p50": percentile(values, 0.5), "p95": percentile(values, 0.95), "max": max(values)}
    return {"n": len(values), **{name: round(value * 1000, 2) for name, value in found.items()}}


@dataclass(frozen=True)
class Load:
    """What a load of workflows took. CPU seconds are per workflow: of the servers, of PostgreSQL, of the client."""

    system: str
    workflows: int
    concurrent: int
    seconds: float
    per_second: float
    cpu: dict[str, float]
    #: One workflow's time from its opening to its end, decision included, under this load.
    whole_ms: dict[str, float]
    settings: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


async def load(
    system: str,
    one: Callable[[int], Awaitable[None]],
    *,
    workflows: int,
    concurrent: int,
    pids: dict[str, list[int]],
    settings: dict[str, Any] | None = None,
) -> Load:
    """Play workflows, so many at once; `pids` are the process families whose CPU time is counted, by name."""
    numbers = iter(range(workflows))
    took: list[float] = []

    async def client() -> None:
        for n in numbers:
            began = time.perf_counter()
            await one(n)
            took.append(time.perf_counter() - began)

    def clocks() -> dict[str, float]:
        return {**{name: sum(map(cpu_seconds, family)) for name, family in pids.items()}, "client": own_seconds()}

    before = clocks()
    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(concurrent)))
    seconds = time.perf_counter() - began
    spent = {name: after - before[name] for name, after in clocks().items()}
    return Load(
        system,
        workflows,
        concurrent,
        round(seconds, 2),
        round(workflows / seconds, 2),
        {name: round(value / workflows, 4) for name, value in spent.items()},
        summary(took),
        settings or {},
    )
