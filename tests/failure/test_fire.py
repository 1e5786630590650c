"""Cases through faults of every kind, and deaths at every commit; judged from outside. `make soak` is the long one."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.conftest import ROOT
from tests.failure.harness.faults import FAULTS, Needs, Plan, moments, orders, strikes
from tests.failure.harness.play import Order, Result, run
from tests.failure.harness.windows import UNREACHED, every, sites

#: Every kind and every window at least once.
_EVERYTHING = Needs()
#: Whatever comes, but enough of it.
_ANYTHING = Needs(strikes=0, in_flight=0, deaths=0, faults=30)


def play(order: Order, capsys: pytest.CaptureFixture[str]) -> Result:
    def say(text: str) -> None:
        with capsys.disabled():
            print(f"\n  seed {order.plan.seed}: {text}", end="", flush=True)

    say(f"begins; the seed replays it: python -m tests.failure.harness.soak --seed {order.plan.seed}")
    return asyncio.run(run(order, ROOT / ".state" / "fire", say=say, stop=asyncio.Event()))


def test_a_fixed_schedule_of_every_fault_at_every_window_loses_doubles_and_breaks_nothing(capsys):
    result = play(Order(Plan(20261124, _EVERYTHING), cases=150, limit_seconds=240), capsys)
    assert not result.findings, f"seed {result.order.plan.seed}"
    assert result.read_entries > 100


def test_a_new_random_schedule_loses_doubles_and_breaks_nothing(capsys):
    seed = random.SystemRandom().randrange(1, 2**31)
    result = play(Order(Plan(seed, _ANYTHING), cases=80, limit_seconds=90), capsys)
    assert not result.findings, f"seed {seed}"
    assert result.counts.total >= 30


def test_a_seed_gives_the_same_schedule_again_and_another_one_another():
    def first(seed: int) -> list[object]:
        struck = strikes(seed)
        chosen = orders(seed, "worker")
        return [
            [(kind, dice.random()) for kind, dice in (next(struck) for _ in range(60))],
            [next(chosen) for _ in range(10)],
        ]

    assert first(7) == first(7)
    assert first(7) != first(8)


def test_a_round_of_the_schedule_has_every_fault_and_every_window():
    struck = strikes(1)
    assert {next(struck)[0] for _ in FAULTS} == set(FAULTS)
    chosen, found = orders(1, "api"), set()
    while len(found) < len(moments("api")):
        found |= set(next(chosen))
    assert found == set(moments("api"))


def test_windows_are_read_from_the_code_and_what_is_left_out_is_there():
    assert {"deliver run", "runs run/2", "checkpoint aput", "node act", "api messages post_message"} <= every().keys()
    assert UNREACHED.keys() <= {site.name for site in sites()}
    assert len(every()) > 30
