"""The circuit breaker: three failures in a row, a pause, one probe; time is the test's."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from workflow_orchestration.llm.breaker import FAILURES, Breaker

PAUSE = 30.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock) -> Breaker:
    return Breaker(PAUSE, clock=clock)


def fail(breaker: Breaker, times: int = FAILURES) -> None:
    for _ in range(times):
        assert breaker.admits()
        breaker.failed()


def test_it_opens_with_the_third_failure_in_a_row(breaker):
    fail(breaker, FAILURES - 1)
    assert breaker.admits()
    breaker.failed()
    assert not breaker.admits()


def test_a_success_in_between_begins_the_count_anew(breaker):
    fail(breaker, FAILURES - 1)
    breaker.succeeded()
    fail(breaker, FAILURES - 1)
    assert breaker.admits()


def test_it_admits_nothing_for_its_pause_and_then_one_probe(breaker, clock):
    fail(breaker)
    clock.now = PAUSE - 0.1
    assert not breaker.admits()
    clock.now = PAUSE
    assert [breaker.admits(), breaker.admits()] == [True, False]


def test_a_probe_that_succeeds_closes_it(breaker, clock):
    fail(breaker)
    clock.now = PAUSE
    assert breaker.admits()
    breaker.succeeded()
    assert [breaker.admits(), breaker.admits(), breaker.is_open] == [True, True, False]
    fail(breaker, FAILURES - 1)
    assert breaker.admits()


def test_a_probe_that_fails_opens_it_for_another_pause_at_once(breaker, clock):
    fail(breaker)
    clock.now = PAUSE
    fail(breaker, 1)
    clock.now = 2 * PAUSE - 0.1
    assert not breaker.admits()
    clock.now = 2 * PAUSE
    assert breaker.admits()


def test_a_cancelled_probe_lets_the_next_one_through(breaker, clock):
    fail(breaker)
    clock.now = PAUSE
    assert breaker.admits()
    breaker.abandoned()
    assert breaker.admits()


class Breakers(RuleBasedStateMachine):
    """Whatever happens in whatever order, it is never stuck open, and never open without three failures in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = Breaker(PAUSE, clock=self.clock)
        self.out = 0
        self.in_a_row = 0

    @rule()
    def a_try_starts_if_it_may(self):
        self.out += self.breaker.admits()

    @precondition(lambda self: self.out)
    @rule(end=st.sampled_from(["succeeded", "failed", "abandoned"]))
    def a_try_ends(self, end):
        self.out -= 1
        self.in_a_row = {"succeeded": 0, "failed": self.in_a_row + 1, "abandoned": self.in_a_row}[end]
        getattr(self.breaker, end)()

    @rule(seconds=st.floats(0, 2 * PAUSE))
    def time_passes(self, seconds):
        self.clock.now += seconds

    @invariant()
    def open_only_after_three_failures_in_a_row(self):
        assert self.breaker.is_open == (self.in_a_row >= FAILURES)

    def teardown(self):
        for _ in range(self.out):
            self.breaker.abandoned()
        self.clock.now += PAUSE
        assert self.breaker.admits()


Breakers.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestBreakers = Breakers.TestCase
