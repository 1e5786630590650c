"""docs/benchmarks-torture.md from one file of raw results. `python -m benchmarks.torture.report` renews it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.torture.checker import FAULTS
from benchmarks.torture.play import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks-torture.md"
SYSTEMS = {"ours": "ours", "langgraph_dev": "LangGraph dev server", "aegra": "Aegra"}

_PAGE = """# Torture bench

<!-- Written by `make bench-torture` from {source}; run it again rather than edit. -->

One seeded history ({cases} cases, {kills} kills, seed {seed}) is played against each system in turn on one machine. A
case prepares, asks, and once approved sends exactly one thing to a receiver. People decide alone, two at once with
opposite decisions, one twice at once, or first with an answer that is none. A kill is SIGKILL to every process of the
system, which is started again at once. A client repeats what was not answered, under an id of its own.

{patience:.0f} s after the last kill one judge ([checker](../benchmarks/torture/checker.py)) looks from outside only:

- **lost**: accepted, and gone, or ended as done without its effect;
- **doubled**: the receiver has it more than once;
- **stuck**: accepted or decided, and neither ended nor waiting; or it asks, and takes no answer;
- **overridden**: approve and reject of one question both accepted, and neither sender told;
- **broken**: an effect of a case that was rejected or that nobody approved, or an answer that is no decision and
  ended it.

| system | cases | ended | effects | {heads} |
|---|---|---|---|{bars}|
{lines}

## Fair?

- Each peer runs the newest release of the index with its documented settings, checkpoints `sync`, and
  `multitask_strategy: reject`, which is not the default and spares it decisions that overtake each other.
- The development server keeps its state in memory and says so: that it loses cases in a SIGKILL is what it is, not a
  defect. It is here because the server that keeps them needs a licence.
- A peer's node does its effect itself, as its users write it; ours writes a row, and the delivery carries a key. That
  is the difference that is measured, not a handicap.
- A decision whose run ended in an error counts as told to its sender, though the request was answered yes.

## What ran

{settings}

Raw results, every case with what its senders were told: [{source}](../{source}).
"""


def write(found: dict[str, Any], source: Path) -> None:
    PAGE.write_text(
        _PAGE.format(
            source=source.relative_to(ROOT),
            cases=found["ours"]["cases"],
            kills=len(found["about"]["kills"]),
            seed=found["about"]["seed"],
            patience=PATIENCE,
            heads=" | ".join(FAULTS),
            bars="|".join("---" for _ in FAULTS),
            lines="\n".join(_line(label, found.get(name)) for name, label in SYSTEMS.items()),
            settings="\n".join(_setting(label, found.get(name)) for name, label in SYSTEMS.items()),
        )
    )


def _line(label: str, found: dict[str, Any] | None) -> str:
    if found is None or "not_played" in found:
        why = "not asked for (`PEERS=1`)" if found is None else f"not played: {' '.join(found['not_played'].split())}"
        return f"| {label} | {why} | | |" + " |" * len(FAULTS)
    faults = " | ".join(str(found["faults"][fault]) for fault in FAULTS)
    return f"| {label} | {found['cases']} | {found['ended']} | {found['effects']} | {faults} |"


def _setting(label: str, found: dict[str, Any] | None) -> str:
    if found is None or "not_played" in found:
        return f"- {label}: did not run"
    versions = ", ".join(f"{name} {number}" for name, number in found.get("versions", {}).items())
    return f"- {label}: {json.dumps(found['settings'])}{'; ' + versions if versions else ''}"


if __name__ == "__main__":
    newest = sorted((Path(__file__).with_name("results")).glob("*.json"))[-1]
    write(json.loads(newest.read_text()), newest)
