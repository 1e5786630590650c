"""`python -m benchmarks.kafka`: messages a second in by Kafka and by POST, in turns, and the delay of events out.

Both doors do the same work in the same database: new messages (each opens a case) and known ones (the same bytes
again). Each round measures POST and the bridge one after the other; the ratio of a round is what counts, because
machines differ and other work disturbs both alike.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from benchmarks.kafka.doors import ApiDoor, KafkaDoor, Place, Rate, place
from tests.fin import mt548

#: Less than this is a failure: Kafka must not be the slower door.
_LEAST_RATIO = 1.0
_LATENCY_LIMIT_MS = 100.0


async def _round(here: Place, number: int, *, new: int, known: int) -> dict[str, Rate]:
    """One measurement of each door; the doors take turns in being first."""
    found: dict[str, Rate] = {}
    doors = [ApiDoor(here), KafkaDoor(here)]
    for door in doors if number % 2 else reversed(doors):
        name = "post" if isinstance(door, ApiDoor) else "kafka"
        texts = [mt548(f"{name[0].upper()}{number}-{n:05d}") for n in range(new)]
        found[f"{name}_new"] = await door.rate(texts)
        found[f"{name}_known"] = await door.rate([texts[n % len(texts)] for n in range(known)])
    return found


async def measure(rounds: int, *, new: int, known: int, events: int, folder: Path) -> dict[str, Any]:
    async with place(folder) as here:
        await _round(here, rounds, new=200, known=200)  # the broker and the database warm up
        measured = [await _round(here, n, new=new, known=known) for n in range(rounds)]
        delays = await KafkaDoor(here).delays(events)
    delays.sort()
    kinds = ("new", "known")
    ratios = {
        k: statistics.median(m[f"kafka_{k}"].per_second / m[f"post_{k}"].per_second for m in measured) for k in kinds
    }
    return {
        "rounds": [{k: round(v.per_second, 1) for k, v in m.items()} for m in measured],
        "per_second": {k: round(statistics.median(m[k].per_second for m in measured), 1) for k in measured[0]},
        "cpu_ms": {k: round(statistics.median(m[k].cpu_ms for m in measured), 2) for k in measured[0]},
        "ratio": {k: round(v, 2) for k, v in ratios.items()},
        "event_delay_ms": {
            "events": len(delays),
            "p50": round(1000 * statistics.median(delays), 1),
            "p95": round(1000 * delays[int(len(delays) * 0.95)], 1),
        },
    }


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m benchmarks.kafka", description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--new", type=int, default=600, help="new messages a round and door")
    options.add_argument("--known", type=int, default=2000, help="known messages a round and door")
    options.add_argument("--events", type=int, default=200, help="log entries whose delay is measured, 10 a second")
    options.add_argument("--folder", type=Path, default=Path(".state/bench-kafka"))
    given = options.parse_args()
    found = asyncio.run(
        measure(given.rounds, new=given.new, known=given.known, events=given.events, folder=given.folder.resolve())
    )
    print(json.dumps(found, indent=2))
    slow = [k for k, ratio in found["ratio"].items() if ratio < _LEAST_RATIO]
    late = found["event_delay_ms"]["p95"] > _LATENCY_LIMIT_MS
    if slow or late:
        print(f"missed: ratio below {_LEAST_RATIO} for {slow or 'none'}; p95 above 100 ms: {late}", file=sys.stderr)
    return 1 if slow or late else 0


if __name__ == "__main__":
    sys.exit(main())
