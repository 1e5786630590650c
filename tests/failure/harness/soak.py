"""`make soak N=10000`: thousands of cases through hundreds of faults, judged from outside, with a report.

Ctrl-C stops it in good order: cases in play end, what was played is judged, and the same command goes on later.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
import time

from ci.tools.source import ROOT
from tests.failure.harness import report
from tests.failure.harness.faults import Needs, Plan
from tests.failure.harness.play import Order, Result, run

FOLDER = ROOT / ".state" / "soak"
REPORT = ROOT / "docs" / "reports" / "soak.md"
#: What the soak has to hit; a full one, that is.
_NEEDS = Needs(strikes=3, in_flight=30, deaths=5, faults=500)
_FULL = 10_000
_STOPPED = 130
#: Between strikes: the cases, too, must get on.
_PAUSE = (2.0, 6.0)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--cases", type=int, default=_FULL)
    parser.add_argument("--seed", type=int, help="by default a new one, which is printed")
    parser.add_argument("--minutes", type=float, default=120.0, help="then no new case begins")
    parser.add_argument("--fresh", action="store_true", help="forget a stopped run instead of going on with it")
    asked = parser.parse_args(arguments)
    stopped = None if asked.fresh else _stopped()
    keep = stopped is not None and stopped["cases"] == asked.cases and asked.seed in (None, stopped["seed"])
    seed = stopped["seed"] if keep and stopped else asked.seed or random.SystemRandom().randrange(1, 2**31)
    needs = _NEEDS if asked.cases >= _FULL else _share(asked.cases)
    order = Order(Plan(seed, needs, _PAUSE), cases=asked.cases, limit_seconds=asked.minutes * 60)
    print(
        f"soak: {asked.cases} cases, seed {seed}{', going on with a stopped run' if keep else ''}; "
        f"replay with --seed {seed}",
        flush=True,
    )
    result = asyncio.run(_stoppable(order, keep=keep))
    return _end(result)


def _share(cases: int) -> Needs:
    """A shorter soak has to hit as much less."""
    part = max(cases / _FULL, 0.02)
    return Needs(strikes=1, in_flight=max(1, int(_NEEDS.in_flight * part)), deaths=max(1, int(_NEEDS.deaths * part)),
                 faults=int(_NEEDS.faults * part))  # fmt: skip


def _stopped() -> dict[str, int] | None:
    file = FOLDER / "stopped.json"
    if not file.exists():
        return None
    found: dict[str, int] = json.loads(file.read_text())
    return found


async def _stoppable(order: Order, *, keep: bool) -> Result:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask() -> None:
        if stop.is_set():
            loop.remove_signal_handler(signal.SIGINT)  # a third one ends it at once
        print("soak: stopping; cases in play come to their end first", flush=True)
        stop.set()

    loop.add_signal_handler(signal.SIGINT, ask)
    return await run(order, FOLDER, say=lambda text: print(f"soak: {text}", flush=True), stop=stop, keep=keep)


def _end(result: Result) -> int:
    for finding in result.findings[:200]:
        print(f"  WRONG {finding}")
    print(
        f"soak: {len(result.plays)} cases, {result.counts.total} faults, {len(result.findings)} findings, "
        f"{result.seconds:.0f} s, seed {result.order.plan.seed}"
    )
    mark = FOLDER / "stopped.json"
    if result.stopped:
        mark.write_text(json.dumps({"seed": result.order.plan.seed, "cases": result.order.cases}))
        print("soak: stopped; the same command goes on with it, --fresh begins anew")
        return _STOPPED
    mark.unlink(missing_ok=True)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(report.markdown(result, at=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())), encoding="utf-8")
    print(f"soak: report in {REPORT.relative_to(ROOT)}")
    return 1 if result.findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
