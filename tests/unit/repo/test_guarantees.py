"""docs/guarantees.md: every promise names code and tests that exist, what it does not cover, and what the peers do."""

from __future__ import annotations

import re

import pytest

from ci.tools.source import ROOT

PAGE = ROOT / "docs" / "guarantees.md"
PROMISES = re.split(r"^## \d+\. ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
TITLES = [text.split("\n", 1)[0][:60] for text in PROMISES]
#: What follows the name of a line, up to the next line or the end.
LINES = ("How", "Tests", "Not covered", "Peers")


def line(promise: str, name: str) -> str:
    found = re.search(rf"^- \*\*{name}\*\*:\s+(.+?)(?=^- \*\*|\Z)", promise, re.MULTILINE | re.DOTALL)
    assert found, f"the promise has no line {name!r}"
    return found[1].strip()


def links(text: str) -> list[tuple[str, str]]:
    return re.findall(r"\[`?([^\]`]+)`?\]\(\.\./([^)]+)\)", text)


def test_promises_are_found():
    assert len(PROMISES) >= 20


@pytest.mark.parametrize("promise", PROMISES, ids=TITLES)
def test_every_promise_says_all_four_things(promise):
    assert all(line(promise, name) for name in LINES)


@pytest.mark.parametrize("promise", PROMISES, ids=TITLES)
def test_the_code_of_every_promise_exists(promise):
    found = links(line(promise, "How"))
    assert found
    assert [path for _, path in found if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize("promise", PROMISES, ids=TITLES)
def test_the_tests_of_every_promise_exist(promise):
    found = links(line(promise, "Tests"))
    assert found
    assert [f"{path}::{name}" for name, path in found if not is_a_test(name, path)] == []


def is_a_test(name: str, path: str) -> bool:
    """A test of that name in the file; or the file itself, where it has tests."""
    file = ROOT / path
    wanted = "test_" if name == file.name else f"{name}("
    return (
        file.is_file() and re.search(rf"^(async )?def {re.escape(wanted)}", file.read_text(), re.MULTILINE) is not None
    )


@pytest.mark.parametrize(
    ("name", "path"),
    [("test_nothing_of_this_name", "tests/unit/repo/test_guarantees.py"), ("test_x.py", "tests/unit/repo/test_x.py")],
)
def test_a_test_that_is_gone_is_seen(name, path):
    assert not is_a_test(name, path)
