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


def used_in(text: str, owner: str) -> set[str]:
    """Names in `SQL[...]`, with the owner's prefix."""
    return {name for inside in re.findall(rf"{owner}SQL\[([^\]]*)\]", text) for name in re.findall(r'"(\w+)"', inside)}


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_every_block_is_used_and_every_used_name_is_a_block(file):
    own = used_in(file.with_suffix(".py").read_text(), r"(?<!\.)\b")
    foreign = set().union(*(used_in(text, rf"\b{file.stem}\.") for text in CODE))
    aliases = set()
    for text in CODE:  # decide.py: SQL = approvals.SQL
        if re.search(rf"^SQL = {file.stem}\.SQL$", text, re.MULTILINE):
            aliases |= used_in(text, r"(?<!\.)\b")
    assert own | foreign | aliases == set(queries(str(file)))


def test_a_block_ends_where_the_next_begins(tmp_path):
    (tmp_path / "x.sql").write_text("-- name: one\nselect 1\n\n-- name: two words are a comment\n-- why\nselect 2\n")
    assert queries(str(tmp_path / "x.py")) == {"one": "select 1", "two": "-- why\nselect 2"}
