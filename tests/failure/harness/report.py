"""The report of a soak, as Markdown: what was played, what struck, what was hit, and what was found."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.metadata import version

import psutil

from tests.failure.harness.faults import FAULTS
from tests.failure.harness.play import Result
from tests.failure.harness.windows import UNREACHED, every

#: The rules the checker holds, in the words of the promise.
_RULES = (
    "each accepted message has exactly one case",
    "each case ended, or waits for somebody",
    "each effect happened once at the receiver, under the text that was approved",
    "each approved hash is the hash of what was shown and executed",
    "each decision is by an entitled person, neither requester nor maker, and as many as the tier needs",
    "numbers of the log have no gap and no repeat, and every chain holds, recomputed and by `log verify`",
    "nothing is stuck",
    "no session of PostgreSQL warned of a transaction that its client had not begun",
    "each case came to the end that its story comes to without faults",
)


def markdown(result: Result, *, at: str) -> str:
    return "\n".join(_lines(result, at)) + "\n"


def _lines(result: Result, at: str) -> Iterator[str]:
    order, counts = result.order, result.counts
    verdict = (
        "Nothing was lost, doubled or stuck, and no rule was broken."
        if not result.findings
        else (f"**{len(result.findings)} findings**, listed below.")
    )
    yield from (
        "# Soak",
        "",
        verdict,
        "",
        *_table(
            ("what", "value"),
            [
                ("cases", len(result.plays)),
                ("faults", counts.total),
                ("findings", len(result.findings)),
                ("seed", order.plan.seed),
                ("duration", f"{result.seconds / 60:.1f} min, judgement included"),
                ("when", at),
                (
                    "machine",
                    f"{os.cpu_count()} cores, {psutil.virtual_memory().total >> 30} GiB, {platform.platform()}",
                ),
                (
                    "versions",
                    f"Python {platform.python_version()}, "
                    f"langgraph {version('langgraph')}, psycopg {version('psycopg')}",
                ),
                (
                    "processes",
                    f"{order.apis} apis, {order.workers} workers, PostgreSQL with fsync, {order.at_once} cases at once",
                ),
                ("log entries read by moving readers", result.read_entries),
                (
                    "answers asked again",
                    ", ".join(f"{n} x {status}" for status, n in sorted(result.server_errors.items())) or "none",
                ),
            ],
        ),
        "",
        "Each rule, checked for every case from outside alone (API, receivers' folders, log export):",
        "",
        *(f"- {rule}" for rule in _RULES),
        "",
        "## Stories",
        "",
    )
    yield from _table(("story", "cases"), sorted(Counter(p.story for p in result.plays).items()))
    yield from ("", "## Faults", "")
    yield from _table(
        ("fault", "strikes", "items in flight it hit"),
        [(kind, counts.strikes[kind], counts.in_flight[kind]) for kind in FAULTS],
    )
    yield from (
        "",
        "## Deaths at a commit",
        "",
        "SIGKILL just before and just after; windows are read from the code.",
        "",
    )
    yield from _table(
        ("window", "before", "after"),
        [
            (
                name,
                "-" if name.startswith("queue ") else counts.deaths[f"{name}|before"],
                counts.deaths[f"{name}|after"],
            )
            for name in every()
        ],
    )
    yield from ("", "Not reached by any story:", "", *(f"- {name}: {why}" for name, why in UNREACHED.items()))
    if result.findings:
        yield from ("", "## Findings", "", *(f"- {finding}" for finding in result.findings))


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(map(str, row))} |" for row in rows)
