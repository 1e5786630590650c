"""SQL is found by name: every name in the code is a block, and every block is used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import workflow_orchestration
from workflow_orchestration.store.db import queries

PACKAGE = Path(workflow_orchestration.__file__).parent
FILES = sorted((PACKAGE / "store").glob("*.sql"))
CODE = [p.read_text() for p in sorted(PACKAGE.rglob("*.py"))]


def users_of(stem: str) -> list[str]:
    """Sources that say SQL for this aggregate: its own module, and those that borrow its blocks (decide.py)."""
    borrowed = re.compile(rf"\b{stem}\.SQL\b")
    return [(PACKAGE / "store" / f"{stem}.py").read_text(), *(text for text in CODE if borrowed.search(text))]


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_every_block_is_used(file):
    said = {word for text in users_of(file.stem) for word in re.findall(r'"(\w+)"', text)}
    assert set(queries(str(file))) <= said


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_every_name_that_is_asked_for_is_a_block(file):
    own = re.findall(r"(?<![.\w])SQL\[([^\]]*)\]", file.with_suffix(".py").read_text())
    foreign = [found for text in CODE for found in re.findall(rf"\b{file.stem}\.SQL\[([^\]]*)\]", text)]
    names = {name for inside in own + foreign for name in re.findall(r'"(\w+)"', inside)}
    assert names
    assert names <= set(queries(str(file)))


def test_a_block_ends_where_the_next_begins(tmp_path):
    (tmp_path / "x.sql").write_text("-- name: one\nselect 1\n\n-- name: two words are a comment\n-- why\nselect 2\n")
    assert queries(str(tmp_path / "x.py")) == {"one": "select 1", "two": "-- why\nselect 2"}
