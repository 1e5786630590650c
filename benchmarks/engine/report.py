"""docs/benchmarks-engine.md and its plots from a file of raw results. `python -m benchmarks.engine.report` renews."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.plot import bars

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks-engine.md"
PLOTS = ROOT / "docs" / "plots"
SYSTEMS = {
    "plain": "plain LangGraph, in process",
    "ours": "ours, over HTTP",
    "langgraph_dev": "LangGraph dev server",
    "aegra": "Aegra",
}
Results = dict[str, Any]


@dataclass(frozen=True)
class Bar:
    """One line of the table of promises: how it is read from the results, and what it must reach."""

    measure: str
    read: Callable[[Results], float]
    unit: str
    bar: float
    aim: float
    #: Larger is better for rates, smaller for times.
    larger: bool = False

    def met(self, results: Results) -> bool:
        value = self.read(results)
        return value >= self.bar if self.larger else value <= self.bar

    def line(self, results: Results) -> str:
        value = self.read(results)
        aimed = value >= self.aim if self.larger else value <= self.aim
        verdict = "aim reached" if aimed else "bar met" if self.met(results) else "**MISSED**"
        return f"| {self.measure} | {value:g} {self.unit} | {self.bar:g} | {self.aim:g} | {verdict} |"


BARS = (
    Bar(
        "workflows a second, ours ÷ plain",
        lambda r: round(r["ours"]["per_second"] / r["plain"]["per_second"], 2),
        "x",
        0.5,
        1.0,
        larger=True,
    ),
    Bar("decision to end, low load, p95", lambda r: r["low_load"]["decision_to_end"]["p95"], "ms", 50, 25),
    Bar("event to client across processes, p95", lambda r: r["low_load"]["event_to_client"]["p95"], "ms", 20, 10),
    Bar("takeover after SIGKILL, worst", lambda r: round(r["takeover_kill"]["max"] / 1000, 1), "s", 15, 2),
    Bar("takeover after SIGSTOP, worst", lambda r: round(r["takeover_stop"]["max"] / 1000, 1), "s", 15, 10),
    Bar("items a second, many ended ÷ 1,000 ended", lambda r: r["ended_items"]["ratio"], "x", 0.9, 1.0, larger=True),
    Bar("a burst of 10,000 messages to every proposal", lambda r: round(_burst_minutes(r), 2), "min", 10, 3),
)


def _burst_minutes(results: Results) -> float:
    """Of ten thousand, whatever number was played."""
    return float(results["burst"]["seconds"] / results["burst"]["messages"] * 10_000 / 60)


def judge(results: Results) -> int:
    """0 when every bar is met and every effect of a takeover happened once."""
    missed = [bar.measure for bar in BARS if not bar.met(results)]
    doubled = [
        name for name in ("takeover_kill", "takeover_stop") if results[name]["effects"] != results[name]["cases"]
    ]
    for line in [*missed, *(f"{name}: not one effect a case" for name in doubled)]:
        print(f"MISSED {line}")
    return 1 if missed or doubled else 0


def write(results: Results, source: Path) -> None:
    PLOTS.mkdir(exist_ok=True)
    (PLOTS / "engine-rate.svg").write_text(bars("workflows a second, 32 at once", _of_each(results, _rate)))
    (PLOTS / "engine-cpu.svg").write_text(
        bars("CPU milliseconds a workflow, servers and PostgreSQL", _of_each(results, _cpu))
    )
    (PLOTS / "engine-decision.svg").write_text(bars("decision to end, low load, p95 ms", _of_each(results, _decision)))
    PAGE.write_text(_page(results, source))


def _of_each(results: Results, read: Callable[[Results, str], float]) -> dict[str, float]:
    return {label: read(results, name) for name, label in SYSTEMS.items() if "per_second" in results.get(name, {})}


def _rate(results: Results, name: str) -> float:
    return float(results[name]["per_second"])


def _cpu(results: Results, name: str) -> float:
    """Plain LangGraph has no server: what its client spends is its engine."""
    cpu = results[name]["cpu"]
    counted = [float(seconds) for place, seconds in cpu.items() if name == "plain" or place != "client"]
    return round(1000 * sum(counted), 1)


def _decision(results: Results, name: str) -> float:
    found = results["low_load"] if name == "ours" else results[name]
    return float(found["decision_to_end"]["p95"])


_PAGE = """# Engine benchmarks

<!-- Written by `make bench-engine` from {source}; run it again rather than edit. -->

The same graph - seven nodes, one pause for a person, a kilobyte of findings - on one machine with {cores} cores
({memory_gib} GiB, {at}), one after the other, on one PostgreSQL {postgres} with fsync on. Load average before: {load}.

- **plain** is LangGraph alone in one process: the stock saver on a pool, `durability="sync"`. No HTTP, no approval, no
  log, no fence.
- **ours** is one api and one worker over HTTP, everything on: fenced transactions, a chained log entry a node, a stored
  and hashed proposal, an approval by a second person, an event stream that the client follows.
- The peers are driven by the same HTTP client through `runs/wait`, as they document it, with their documented settings.

## Bars

| measure | measured | bar | aim | |
|---|---|---|---|---|
{bars}

Each takeover's effect happened once: {effects}.

## Systems

| system | workflows/s | ÷ plain | whole workflow, {concurrent} at once, p95 | decision to end, p95 | CPU a workflow |
|---|---|---|---|---|---|
{systems}

![workflows a second](plots/engine-rate.svg)
![CPU a workflow](plots/engine-cpu.svg)
![decision to end](plots/engine-decision.svg)

## Where the time goes

- **CPU** is what the rate is made of: both cores are busy. One workflow of ours is two runs: 22 transactions of
  178 statements, 141 of them the worker's and 37 the api's, each a quarter of a millisecond of both sides. A third of
  the worker's time is LangGraph itself, as plain shows. Nine transactions hold one checkpoint each: stored with the
  next node's rows, they would cost three statements and a flush less.
- **The ratio** moves with the machine by a tenth: plain keeps one core busy, and is the faster the less else runs.
- **Takeover** waits for the lease (10 s by default): a dead and a frozen worker are told apart by nothing else. A
  shorter `LEASE_SECONDS` takes over sooner.
- **Burst**: {accepted} s until all {messages} messages were accepted, {seconds} s until every case showed its proposal;
  {burst_cpu}.
- **Ended items**: {few:g} items a second with 1,000 ended items in the table, {many:g} with {ended:,}.

## What ran

{versions}
- measured, each at its end: {when}

Raw results: [{source}](../{source}).
"""


def _page(results: Results, source: Path) -> str:
    about, burst, ended = results["about"], results["burst"], results["ended_items"]
    return _PAGE.format(
        source=source.relative_to(ROOT),
        cores=about["cores"],
        memory_gib=about["memory_gib"],
        at=about["at"][:10],
        postgres=about["postgres"]["server_version"],
        load=", ".join(f"{v:.1f}" for v in about["load_before"]),
        bars="\n".join(bar.line(results) for bar in BARS),
        effects=_effects(results),
        concurrent=results["ours"]["concurrent"],
        systems="\n".join(_systems(results)),
        accepted=burst["accepted_seconds"],
        messages=f"{burst['messages']:,}",
        seconds=burst["seconds"],
        few=ended["few"],
        many=ended["many"],
        ended=ended["ended"],
        burst_cpu=_places(burst["cpu"]),
        versions=_versions(results),
        when=", ".join(f"{name} {found['at']}" for name, found in results.items() if name != "about"),
    )


def _effects(results: Results) -> str:
    return " and ".join(
        f"{results[n]['effects']} effects of {results[n]['cases']} cases ({how})"
        for n, how in (("takeover_kill", "SIGKILL"), ("takeover_stop", "SIGSTOP"))
    )


def _systems(results: Results) -> list[str]:
    lines = []
    for name, label in SYSTEMS.items():
        found = results.get(name)
        if found is None:
            lines.append(f"| {label} | not asked for (`PEERS=1`) | | | | |")
        elif "not_measured" in found:
            lines.append(f"| {label} | not measured: {' '.join(found['not_measured'].split())[:200]} | | | | |")
        else:
            ratio = found["per_second"] / results["plain"]["per_second"]
            lines.append(
                f"| {label} | {found['per_second']:g} | {ratio:.2f} | {found['whole_ms']['p95']:g} ms "
                f"| {_decision(results, name):g} ms | {_places(found['cpu'])} |"
            )
    return lines


def _places(cpu: dict[str, float]) -> str:
    return ", ".join(f"{place} {1000 * seconds:.1f} ms" for place, seconds in cpu.items())


def _versions(results: Results) -> str:
    lines = [f"- ours and plain: Python {results['about']['python']}, " + _named(results["about"]["versions"])]
    for name, label in SYSTEMS.items():
        found = results.get(name, {})
        if "versions" in found:
            lines.append(f"- {label}: {_named(found['versions'])}; settings {json.dumps(found['settings'])}")
    return "\n".join(lines)


def _named(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())


if __name__ == "__main__":
    newest = sorted((Path(__file__).with_name("results")).glob("*.json"))[-1]
    write(json.loads(newest.read_text()), newest)
    sys.exit(judge(json.loads(newest.read_text())))
