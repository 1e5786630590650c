"""The judge of the torture bench: each fault is seen, and nothing else is."""

from __future__ import annotations

from itertools import pairwise

import pytest

from benchmarks.torture import checker, history
from benchmarks.torture.history import Case
from benchmarks.torture.play import Seen, Told
from benchmarks.torture.system import Standing

CASE = Case(n=1, kind="race", at=0, thinks=0)
DONE = Standing("ended", outcome="resolved")
YES, NO = Told("ann", "approve", "accepted"), Told("ben", "reject", "accepted")
TOLD_NO = Told("ben", "reject", "refused")


def seen(*decisions: Told, standing: Standing = DONE, effects: int = 1, submitted: str = "accepted") -> Seen:
    return Seen(CASE, submitted, list(decisions), standing, effects)


def named(one: Seen) -> list[str]:
    return [fault for fault, _ in checker.faults(one)]


@pytest.mark.parametrize(
    "good",
    [
        seen(YES, TOLD_NO),
        seen(NO, Told("ann", "approve", "refused"), standing=Standing("ended", outcome="rejected"), effects=0),
        seen(YES, Told("ben", "reject", "accepted", taken_back=True)),
        seen(Told("ann", "perhaps", "accepted"), YES),
        seen(submitted="refused", standing=Standing("absent"), effects=0),
        seen(standing=Standing("waiting", question="q"), effects=0),
    ],
)
def test_what_was_kept_and_told_has_no_fault(good):
    assert named(good) == []


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (seen(standing=Standing("absent"), effects=0), "lost"),
        (seen(YES, effects=0), "lost"),
        (seen(YES, effects=2), "doubled"),
        (seen(YES, standing=Standing("working")), "stuck"),
        (seen(YES, standing=Standing("waiting", question="q")), "stuck"),
        (seen(Told("ann", "approve", "refused"), standing=Standing("waiting", question="q"), effects=0), "stuck"),
        (seen(NO, standing=Standing("ended", outcome="rejected")), "broken"),
        (seen(YES, NO), "overridden"),
        (seen(effects=1), "broken"),
        (seen(Told("ann", "perhaps", "accepted"), standing=DONE, effects=0), "lost broken"),
    ],
)
def test_each_fault_is_named(bad, fault):
    assert named(bad) == fault.split()


def test_the_table_counts_cases_not_words():
    counts, words = checker.table([seen(YES, NO, effects=2), seen(YES, effects=3)])
    assert (counts["doubled"], counts["overridden"], len(words)) == (2, 1, 3)


def test_a_seed_gives_the_same_history_again_and_another_one_another():
    def made(seed: int) -> history.History:
        return history.make(seed, cases=40, kills=5, seconds=60)

    assert made(1) == made(1)
    assert made(1).cases != made(2).cases
    assert {case.kind for case in made(1).cases} == set(history.KINDS)


def test_kills_are_apart_and_in_order():
    kills = history.make(3, cases=1, kills=6, seconds=90).kills
    assert all(later - earlier >= 10 for earlier, later in pairwise(kills))
