"""`make bench-torture`: one seeded history against ours and, with PEERS=1, against each peer; one judge, one table."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

from benchmarks import peers
from benchmarks.engine import site
from benchmarks.torture import checker, history, report
from benchmarks.torture.history import History
from benchmarks.torture.our_side import OurSide
from benchmarks.torture.peer_side import PeerSide
from benchmarks.torture.play import Player
from benchmarks.torture.system import System
from ci.local.postgres import OWNER, Server

RESULTS = Path(__file__).with_name("results")
_GRAPH = Path(__file__).with_name("graph.py")


async def against_ours(server: Server, folder: Path, played: History) -> dict[str, Any]:
    async with site.running(server, folder / "ours") as place:
        return {**await _judged(OurSide(place), played), "settings": {"api": 1, "workers": 1, "all else": "default"}}


async def against_peer(
    server: Server, folder: Path, played: History, make: Callable[..., peers.Peer]
) -> dict[str, Any]:
    database, outbox = f"torture_{make.__name__}_{os.getpid()}", folder / f"{make.__name__}.outbox"
    os.environ["OUTBOX"] = str(outbox)
    await asyncio.to_thread(server.create_database, database)
    try:
        async with peers.running(make, folder / make.__name__, _GRAPH, server.url(OWNER, database)) as peer:
            found = await _judged(PeerSide(peer, outbox), played)
            versions = peers.versions(make.__name__.replace("_", "-"))
            return {**found, "settings": peer.settings, "versions": versions}
    except peers.PeerError as error:
        return {"not_played": str(error)}
    finally:
        server.drop_database(database)


async def _judged(system: System, played: History) -> dict[str, Any]:
    began = time.monotonic()
    seen = await Player(system, played).play()
    counts, words = checker.table(seen)
    return {
        "system": system.name,
        "seconds": round(time.monotonic() - began, 1),
        "cases": len(seen),
        "accepted": sum(s.submitted == "accepted" for s in seen),
        "ended": sum(s.standing.what == "ended" for s in seen),
        "effects": sum(s.effects for s in seen),
        "faults": {fault: counts[fault] for fault in checker.FAULTS},
        "in_words": words,
        "seen": [asdict(s) for s in seen],
    }


async def all_of(played: History, *, with_peers: bool) -> dict[str, Any]:
    server = site.postgres()
    found: dict[str, Any] = {
        "about": {"at": datetime.now(UTC).isoformat(timespec="seconds"), "seed": played.seed, "kills": played.kills}
    }
    with tempfile.TemporaryDirectory() as folder:
        found["ours"] = await against_ours(server, Path(folder), played)
        print(f"ours: {found['ours']['faults']}", flush=True)
        for make in peers.PEERS if with_peers else ():
            found[make.__name__] = await against_peer(server, Path(folder), played, make)
            print(f"{make.__name__}: {found[make.__name__].get('faults') or found[make.__name__]}", flush=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-torture", description=__doc__)
    parser.add_argument("--seed", type=int, default=20261124, help="of the history; the same seed plays it again")
    parser.add_argument("--cases", type=int, default=120)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=90.0, help="over which cases and kills are spread")
    parser.add_argument("--keep", action="store_true", help="keep the results and write the report")
    arguments = parser.parse_args()
    played = history.make(arguments.seed, cases=arguments.cases, kills=arguments.kills, seconds=arguments.seconds)
    found = uvloop.run(all_of(played, with_peers=os.environ.get("PEERS") == "1"))
    for line in found["ours"]["in_words"]:
        print(f"ours: {line}")
    if arguments.keep:
        RESULTS.mkdir(exist_ok=True)
        file = RESULTS / f"{datetime.now(UTC):%Y-%m-%dT%H%M}.json"
        file.write_text(json.dumps(found, indent=1) + "\n")
        report.write(found, file)
    return 1 if any(found["ours"]["faults"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
