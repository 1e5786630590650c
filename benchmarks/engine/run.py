"""`make bench-engine`: measure every row on this machine, keep the raw results, write the report.

One PostgreSQL with fsync on serves all systems, one after the other. With PEERS=1 the peers are measured too.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import uvloop

from benchmarks import peers
from benchmarks.engine import report, rows, site
from ci.local.postgres import Server

RESULTS = Path(__file__).with_name("results")
_PACKAGES = ("langgraph", "langgraph-checkpoint-postgres", "psycopg", "fastapi", "uvicorn", "uvloop")
_SHOWN = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers")


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    workflows: int
    concurrent: int
    low_load: int
    takeovers: int
    ended: int
    messages: int


#: What the report is made of, and a small one to see that everything runs.
FULL = Size(workflows=200 * 32, concurrent=32, low_load=200, takeovers=5, ended=1_000_000, messages=10_000)
QUICK = Size(workflows=100, concurrent=32, low_load=20, takeovers=1, ended=50_000, messages=100)

Row = Callable[[], Awaitable[Any]]


def planned(server: Server, folder: Path, size: Size, *, with_peers: bool) -> dict[str, Row]:
    """Every row by name, in the order of measuring."""
    load = {"workflows": size.workflows, "concurrent": size.concurrent}
    # a peer's rate needs no hundred thousand runs to be known
    fewer = {"workflows": min(size.workflows, 800), "concurrent": size.concurrent}
    found: dict[str, Row] = {
        "plain": lambda: rows.plain(server, folder, **load),
        "ours": lambda: rows.ours(server, folder, **load),
        "low_load": lambda: rows.low_load(server, folder, workflows=size.low_load),
        "takeover_kill": lambda: rows.takeover(server, folder, signal.SIGKILL, times=size.takeovers),
        "takeover_stop": lambda: rows.takeover(server, folder, signal.SIGSTOP, times=size.takeovers),
        "ended_items": lambda: rows.ended_items(server, folder, many=size.ended),
        "burst": lambda: rows.burst_of(server, folder, messages=size.messages),
    }
    for make in peers.PEERS if with_peers else ():
        found[make.__name__] = lambda make=make: rows.peer(server, folder, make, **fewer)  # type: ignore[misc]
    return found


async def measured(wanted: list[str], size: Size, *, with_peers: bool) -> dict[str, Any]:
    server = site.postgres()
    found: dict[str, Any] = {"about": about(server, size)}
    with tempfile.TemporaryDirectory() as folder:
        for name, row in planned(server, Path(folder), size, with_peers=with_peers).items():
            if wanted and name not in wanted:
                continue
            print(f"{datetime.now():%H:%M:%S} {name} ...", flush=True)
            try:
                found[name] = await row()
            except peers.PeerError as error:
                found[name] = {"not_measured": str(error)}
            found[name]["at"] = datetime.now(UTC).isoformat(timespec="minutes")  # rows may be measured anew, one by one
            print(f"{datetime.now():%H:%M:%S} {name}: {json.dumps(found[name])[:300]}", flush=True)
    found["about"]["load_after"] = os.getloadavg()
    return found


def about(server: Server, size: Size) -> dict[str, Any]:
    with server.admin() as conn:
        shown = {name: conn.execute(f"show {name}").fetchone() for name in _SHOWN}
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"), "size": vars(size), "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1), "kernel": platform.release(),
        "python": platform.python_version(), "load_before": os.getloadavg(),
        "postgres": {name: value[0] for name, value in shown.items() if value},
        "versions": {name: version(name) for name in _PACKAGES}}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-engine", description=__doc__)
    parser.add_argument("rows", nargs="*", help="only these rows; default: all")
    parser.add_argument("--quick", action="store_true", help="a small run; it is not kept and makes no report")
    arguments = parser.parse_args()
    size = QUICK if arguments.quick else FULL
    found = uvloop.run(measured(arguments.rows, size, with_peers=os.environ.get("PEERS") == "1"))
    if arguments.quick:
        print(json.dumps(found, indent=1))
        return 0
    kept = {**(_newest() if arguments.rows else {}), **found}  # some rows anew: the others stay as they were
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{datetime.now(UTC):%Y-%m-%dT%H%M}.json"
    file.write_text(json.dumps(kept, indent=1) + "\n")
    report.write(kept, file)
    return report.judge(kept)


def _newest() -> dict[str, Any]:
    files = sorted(RESULTS.glob("*.json"))
    return dict(json.loads(files[-1].read_text())) if files else {}


if __name__ == "__main__":
    sys.exit(main())
