"""Each client in turns against one server, and what the turns say: ratios of a round, their medians."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.engine.measure import percentile
from benchmarks.gateway.clients import CLIENTS, Ask
from workflow_orchestration.llm.config import ModelConfig


@dataclass(frozen=True)
class Load:
    """One point: how many questions are out at once, how many a turn, and how long the server thinks (seconds)."""

    name: str
    at_once: int
    questions: int
    think: float


@dataclass(frozen=True)
class Turn:
    """One client's turn."""

    per_second: float
    p50_ms: float
    p95_ms: float
    #: Of this process, a question.
    cpu_ms: float


async def turn(ask: Ask, load: Load) -> Turn:
    """Closed loop: each of `at_once` asks again as soon as it has its answer."""
    left = iter(range(load.questions))
    times: list[float] = []
    gc.collect()
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(_one_after_another(ask, left, times) for _ in range(load.at_once)))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return Turn(
        per_second=load.questions / seconds,
        p50_ms=1000 * percentile(times, 0.5),
        p95_ms=1000 * percentile(times, 0.95),
        cpu_ms=1000 * cpu / load.questions,
    )


async def _one_after_another(ask: Ask, left: Iterator[int], times: list[float]) -> None:
    for n in left:
        sent = time.perf_counter()
        await ask(n)
        times.append(time.perf_counter() - sent)


async def measure(url: str, load: Load, rounds: int) -> list[dict[str, Turn]]:
    """Short turns in many rounds, each round beginning with another client; the first three are thrown away.

    What else the machine does comes and goes within seconds: turns that lie close together suffer it alike.
    """
    config = ModelConfig(base_url=url, model="bench", at_once=load.at_once)
    async with contextlib.AsyncExitStack() as opened:
        asks = [(name, await opened.enter_async_context(client(config))) for name, client in CLIENTS.items()]
        gc.freeze()  # as a worker does
        found = []
        for number in range(len(asks) + rounds):
            first = number % len(asks)
            found.append({name: await turn(ask, load) for name, ask in asks[first:] + asks[:first]})
    return found[len(asks) :]


def summary(rounds: list[dict[str, Turn]]) -> dict[str, Any]:
    """Medians over the rounds: of each client's numbers, and of what ours adds within a round.

    Of processor time the least counts: other work on the machine can only add to it.
    """
    numbers = {
        name: {field: round(statistics.median(getattr(r[name], field) for r in rounds), 3) for field in vars(turn_)}
        for name, turn_ in rounds[0].items()
    }
    for name, found in numbers.items():
        found["cpu_ms"] = round(min(r[name].cpu_ms for r in rounds), 3)
    added = statistics.median(r["ours"].p95_ms - r["bare"].p95_ms for r in rounds)
    lost = statistics.median(1 - r["ours"].per_second / r["bare"].per_second for r in rounds)
    return {
        "clients": numbers,
        "p95_added_ms": round(added, 3),
        "throughput_lost": round(lost, 4),
        "cpu_ratio": round(numbers["ours"]["cpu_ms"] / numbers["bare"]["cpu_ms"], 3),
    }
