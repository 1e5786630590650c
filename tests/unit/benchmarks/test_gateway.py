"""What the gateway benchmark makes of its turns: medians of each round's own difference, and bars by name."""

from __future__ import annotations

import pytest

from benchmarks.gateway.__main__ import missed
from benchmarks.gateway.clients import Triage, question
from benchmarks.gateway.measure import Turn, summary
from benchmarks.gateway.server import ANSWER
from workflow_orchestration.llm import prompts


def rounds(*pairs: tuple[float, float]) -> list[dict[str, Turn]]:
    """Per round: bare's and our questions a second; our p95 is a millisecond above bare's."""
    return [
        {"bare": Turn(bare, 10, 20, 2.0), "structured": Turn(1, 1, 1, 1), "ours": Turn(ours, 10, 21, 2.1)}
        for bare, ours in pairs
    ]


def test_a_disturbed_round_disturbs_both_of_its_numbers_and_not_the_median():
    found = summary(rounds((100, 99), (50, 49.5), (100, 99)))
    assert (found["throughput_lost"], found["p95_added_ms"], found["cpu_ratio"]) == (0.01, 1.0, 1.05)
    assert found["clients"]["bare"]["per_second"] == 100


@pytest.mark.parametrize(
    ("added", "lost", "said"),
    [(4.9, 0.029, []), (5.0, 0.0, ["p95 grew by 5.0 ms"]), (0.0, 0.03, ["throughput fell by 3.00%"])],
)
def test_a_missed_bar_is_said_with_its_number(added, lost, said):
    found = missed({"p95_added_ms": added, "throughput_lost": lost})
    assert [line.split(";")[0] for line in found] == said


def test_the_server_says_what_the_question_asks_for():
    assert prompts.misfit(question(1).answer, ANSWER) is None
    assert prompts.read(Triage, ANSWER).root_cause == "ECON_AMOUNT"
