"""What happens to every system alike: a seeded list of cases and of kills. Equal seeds are equal histories."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

#: approve: one person. race: two people, opposite decisions, at once. twice: one decision, sent twice at once. invalid:
#: first an answer that is none, then a decision.
Kind = Literal["approve", "race", "twice", "invalid"]
KINDS: tuple[Kind, ...] = ("approve", "race", "twice", "invalid")


@dataclass(frozen=True)
class Case:
    n: int
    kind: Kind
    #: Seconds from the start of the history to its submission, and from its question to the decision.
    at: float
    thinks: float


@dataclass(frozen=True)
class History:
    seed: int
    cases: tuple[Case, ...]
    #: Seconds from the start at which everything of the system that runs workflows is killed, and started again.
    kills: tuple[float, ...]


def make(seed: int, *, cases: int, kills: int, seconds: float) -> History:
    chance = random.Random(seed)  # noqa: S311 - a schedule, not a secret
    made = tuple(
        Case(n, KINDS[n % len(KINDS)], chance.uniform(0, seconds), chance.uniform(0, seconds / 6)) for n in range(cases)
    )
    # two kills of a system that is still starting would be one
    gap = seconds / kills
    return History(seed, made, tuple(gap * n + chance.uniform(0, gap / 3) for n in range(1, kills + 1)))
