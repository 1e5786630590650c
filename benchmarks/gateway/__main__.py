"""`python -m benchmarks.gateway`: what the model gateway costs over bare langchain-openai, on one server, in one run.

Two loads, 32 questions at once: a server that thinks for a quarter of a second, as a fast model does, where the bars
count; and one that answers at once, where nothing but the client's own work is left.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.gateway.measure import Load, measure, summary

RESULTS = Path(__file__).parent / "results"
#: Bars of the first load: milliseconds at the 95th percentile, share of throughput.
P95_ADDED_MS, THROUGHPUT_LOST = 5.0, 0.03


@contextlib.contextmanager
def server(think: float) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.gateway.server", str(port), str(think)])
    try:
        _until_open(port)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait()


def _until_open(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise TimeoutError(f"the server did not open port {port} within 20 s")


def run(loads: tuple[Load, ...], rounds: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "versions": {name: version(name) for name in ("langchain-openai", "openai", "httpx", "pydantic")},
        "rounds": rounds,
        "load_average": os.getloadavg()[0],
    }
    for load in loads:
        with server(load.think) as url:
            turns = asyncio.run(measure(url, load, rounds))
        found[load.name] = {
            "load": vars(load),
            **summary(turns),
            "raw": [{k: vars(t) for k, t in r.items()} for r in turns],
        }
        print(json.dumps({load.name: {k: v for k, v in found[load.name].items() if k != "raw"}}, indent=2), flush=True)
    return found


def missed(found: dict[str, Any]) -> list[str]:
    """Bars that were not met, in words."""
    slow, dear = found["p95_added_ms"], found["throughput_lost"]
    return [
        *([f"p95 grew by {slow} ms; the bar is {P95_ADDED_MS}"] if slow >= P95_ADDED_MS else []),
        *([f"throughput fell by {dear:.2%}; the bar is {THROUGHPUT_LOST:.0%}"] if dear >= THROUGHPUT_LOST else []),
    ]


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m benchmarks.gateway", description=__doc__)
    options.add_argument("--rounds", type=int, default=40)
    options.add_argument("--questions", type=int, default=192, help="of each client in a round")
    options.add_argument("--keep", action="store_true", help=f"write {RESULTS.name}/gateway.json")
    given = options.parse_args()
    thinking = Load("thinking", at_once=32, questions=given.questions, think=0.25)
    found = run((thinking, Load("instant", at_once=32, questions=given.questions, think=0.0)), given.rounds)
    if given.keep:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "gateway.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for line in missed(found["thinking"]):
        print(f"missed: {line}", file=sys.stderr)
    return 1 if missed(found["thinking"]) else 0


if __name__ == "__main__":
    sys.exit(main())
