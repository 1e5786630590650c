"""`python -m benchmarks.airflow`: what a start and a wait cost, on a real Airflow (LocalExecutor) and a real platform.

Start: from the trigger of a DAG run to the end of its task, ours beside an operator that does nothing, in turns; the
ratio counts, because machines differ. Wait: CPU of the whole triggerer, and requests to the API, while many cases wait.
Exit 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from ci.airflow import processes
from ci.airflow.processes import Airflow
from ci.local.postgres import Server
from tests.airflow.site import Platform, connection, platform

#: Ours beside nothing; more is a failure.
_MOST_RATIO = 1.5
#: Per cent of a core, of all the triggerer's processes; its own idling included.
_MOST_CPU = 5.0
_MOST_REQUESTS = 10.0
_DAGS = Path(__file__).parent / "dags"
ROOT = Path(__file__).resolve().parents[2]


def start_seconds(airflow: Airflow, dag: str, run: str) -> float:
    """From the trigger to the end of the task, by Airflow's own clock."""
    airflow.trigger(dag, run)
    airflow.until_run(dag, run, "success", seconds=120)
    queued = airflow.call("GET", f"/dags/{dag}/dagRuns/{run}")["queued_at"]
    ended = airflow.task(dag, run, "task")["end_date"]
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(queued)).total_seconds()


def starts(airflow: Airflow, rounds: int) -> dict[str, Any]:
    for dag in ("nothing", "starts"):
        airflow.unpause(dag)
        start_seconds(airflow, dag, "warm")
    found: dict[str, list[float]] = {"nothing": [], "starts": []}
    for n in range(rounds):
        for dag in sorted(found, reverse=bool(n % 2)):
            found[dag].append(round(start_seconds(airflow, dag, f"r{n}"), 2))
    medians = {dag: statistics.median(values) for dag, values in found.items()}
    return {"seconds": found, "median": medians, "ratio": round(medians["starts"] / medians["nothing"], 2)}


def waits(airflow: Airflow, here: Platform, *, cases: int, seconds: float) -> dict[str, Any]:
    idle = _cpu(airflow, seconds)
    airflow.unpause("waits")
    airflow.trigger("waits", "many", cases=cases)
    airflow.until(lambda: _deferred(airflow) == cases, f"{cases} waiting tasks", seconds=900)
    time.sleep(10)  # until their triggers run
    before = _requests(here)
    cpu = _cpu(airflow, seconds)
    return {
        "cases": cases,
        "triggerer_idle_percent": idle,
        "triggerer_percent": cpu,
        "requests_per_second": round((_requests(here) - before) / seconds, 2),
    }


def _deferred(airflow: Airflow) -> int:
    path = "/dags/waits/dagRuns/many/taskInstances"
    return int(airflow.call("GET", path, params={"state": "deferred", "limit": 1})["total_entries"])


def _cpu(airflow: Airflow, seconds: float) -> float:
    """Per cent of one core that all processes of the triggerer use."""
    root = psutil.Process(airflow.parts["triggerer"].pid)
    family = [root, *root.children(recursive=True)]

    def used() -> float:
        return sum(sum(process.cpu_times()[:2]) for process in family)

    before, began = used(), time.monotonic()
    time.sleep(seconds)
    return round(100 * (used() - before) / (time.monotonic() - began), 2)


def _requests(here: Platform) -> int:
    """Requests that Airflow's identity has made, by the API's own access log."""
    return (here.folder / "api.log").read_text(errors="replace").count("principal=airflow")


def measure(folder: Path, *, rounds: int, cases: int, seconds: float) -> dict[str, Any]:
    server = Server(ROOT / ".state" / "test-postgres")
    template = server.migrated("benchmark_airflow")
    for name in ("platform", "airflow"):
        (folder / name).mkdir()
    with platform(server, template, folder / "platform") as here:
        connections = {"workflow_orchestration_default": connection(here)}
        parallel = {"AIRFLOW__CORE__PARALLELISM": "8", "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": "8"}
        with processes.running(server, folder / "airflow", _DAGS, connections, **parallel) as airflow:
            return {
                "start": starts(airflow, rounds),
                "wait": waits(airflow, here, cases=cases, seconds=seconds),
            }


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.airflow", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wo-airflow-") as folder:
        found = measure(Path(folder), rounds=asked.rounds, cases=asked.cases, seconds=asked.seconds)
    print(json.dumps(found, indent=1))
    bars = {
        f"start: {found['start']['ratio']} x of nothing, at most {_MOST_RATIO}": found["start"]["ratio"] <= _MOST_RATIO,
        f"triggerer: {found['wait']['triggerer_percent']} % of a core, at most {_MOST_CPU}": found["wait"][
            "triggerer_percent"
        ]
        < _MOST_CPU,
        f"API: {found['wait']['requests_per_second']} requests/s, at most {_MOST_REQUESTS}": found["wait"][
            "requests_per_second"
        ]
        < _MOST_REQUESTS,
    }
    for bar, met in bars.items():
        print("met   " if met else "MISSED", bar)
    return 0 if all(bars.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
