"""The proof's page: a run replaces its own model's section, and no other."""

from __future__ import annotations

from tests.adversary import report
from tests.adversary.checker import Tally
from tests.adversary.proof import REPORT, Order, Real, Result

OLLAMA = Real("A real server: ollama", "ollama on a CPU", "--real ollama", "http://127.0.0.1:1/v1", "tiny")


def result(cases: int, real: Real | None = None) -> Result:
    return Result(Order(cases, 7, real), Tally(cases=cases))


def test_a_run_replaces_the_section_of_its_own_model_and_keeps_the_others() -> None:
    both = report.page(report.page("", result(3000)), result(300, OLLAMA))
    again = report.page(both, result(111))
    assert "| cases | 3000 |" in both
    assert "| cases | 3000 |" not in again
    assert "| cases | 111 |" in again
    assert "| cases | 300 |" in again
    headings = [line for line in again.splitlines() if line.startswith("## ")]
    assert headings == ["## The adversary", "## A real server: ollama", "## What this does not show"]


def test_a_section_says_how_to_run_it_again() -> None:
    page = report.page(report.page("", result(3000)), result(300, OLLAMA))
    assert "`make proof N=3000`" in page
    assert "`python -m tests.adversary.proof --cases 300 --real ollama`" in page


def test_the_committed_page_keeps_its_sections() -> None:
    committed = REPORT.read_text(encoding="utf-8")
    adversary = committed.split("## The adversary")[1].split("\n## ")[0].strip()
    assert adversary in report.page(committed, result(50, OLLAMA))


def test_a_real_model_that_was_hardly_heard_proves_nothing() -> None:
    silent = result(300, OLLAMA)
    silent.tally.answers = 299
    assert silent.wants() == ["only 299 answers of a real model in 300 cases: it was not heard"]
    silent.tally.answers = 300
    assert silent.wants() == []
