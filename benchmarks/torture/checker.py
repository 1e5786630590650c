"""One judge for all systems, by what is seen from outside: what was answered, how it ended, what the receiver has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

from benchmarks.torture.play import Seen

#: lost: accepted, and gone or without its effect. doubled: the effect happened more than once. stuck: accepted or
#: decided, and neither ended nor asking anybody. overridden: two opposite decisions were both accepted, and nobody was
#: told which did not count. broken: an effect of a case that was rejected or that nobody approved, or an
#: answer that is no decision and ended it.
Fault = Literal["lost", "doubled", "stuck", "overridden", "broken"]
FAULTS: tuple[Fault, ...] = ("lost", "doubled", "stuck", "overridden", "broken")


def faults(seen: Seen) -> Iterator[tuple[Fault, str]]:
    """What is wrong with one case, and why."""
    if seen.submitted != "accepted":
        return
    counted = [d for d in seen.decisions if d.said == "accepted" and not d.taken_back]
    decided = {d.decision for d in counted}
    standing = seen.standing
    if standing.what == "absent":
        yield "lost", "accepted, and nothing of it is there"
    elif standing.what == "working" or (standing.what == "waiting" and decided & {"approve", "reject"}):
        yield "stuck", f"decided {sorted(decided) or 'nothing'}, and still {standing.what}"
    elif standing.what == "waiting" and seen.decisions:
        yield "stuck", "it asks, and takes no answer"
    if standing.what == "ended" and standing.outcome == "resolved" and seen.effects == 0:
        yield "lost", "ended as done, and the receiver has nothing"
    if seen.effects > 1:
        yield "doubled", f"the receiver has it {seen.effects} times"
    if {"approve", "reject"} <= decided:
        yield "overridden", "approve and reject were both accepted"
    asked = {d.decision for d in seen.decisions}
    if seen.effects and ("approve" not in asked or standing.outcome == "rejected"):
        yield "broken", f"an effect, and the case is {standing.outcome or standing.what}"
    if standing.what == "ended" and decided and not decided & {"approve", "reject"}:
        yield "broken", f"ended by {sorted(decided)}"


def table(seen: Iterable[Seen]) -> tuple[Counter[Fault], list[str]]:
    """How many cases have each fault, and each in words."""
    counts: Counter[Fault] = Counter()
    words = []
    for one in seen:
        found = list(faults(one))
        counts.update({fault for fault, _ in found})
        words += [f"case {one.case.n} ({one.case.kind}): {fault}: {why}" for fault, why in found]
    return counts, words
