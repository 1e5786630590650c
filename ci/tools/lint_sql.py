"""SQL lives in store/, reads as SQL, and is committed by whoever opened the transaction, never in store/."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from ci.tools.source import PACKAGE, Problem, Source, python_sources

_SQL = re.compile(
    r"\s*(select|insert\s+into|update\s+\w+|delete\s+from|with\s+\w+\s+as|truncate|create|alter|drop|grant|revoke"
    r"|lock\s+table|listen|notify)\b",
    re.IGNORECASE,
)
_RUNNERS = ("execute", "executemany", "one", "rows", "copy")

#: Files outside store/ that may hold SQL, and why.
ALLOWED = {
    f"{PACKAGE}/worker/migrate.py": "applies the migrations; it works before any table exists",
    f"{PACKAGE}/cli/tamper.sql": "breaks a copy of the log on purpose, as its owner; no other code may find it",
}


def check(root: Path) -> Iterator[Problem]:
    for source in python_sources(root):
        if source.path.startswith(f"{PACKAGE}/store/"):
            yield from store_problems(source)
        elif source.path not in ALLOWED:
            yield from problems(source)
    for path in sorted((root / PACKAGE).rglob("*.sql")):
        name = path.relative_to(root).as_posix()
        if not name.startswith(f"{PACKAGE}/store/") and name not in ALLOWED:
            yield Problem(name, 1, "a .sql file outside store/; move it there, or name it in ALLOWED with its reason")


def problems(source: Source) -> Iterator[Problem]:
    """SQL text that is run outside store/."""
    for call in source.calls(*_RUNNERS):
        if any(_is_sql(text) for argument in call.args for text in _literals(argument)):
            yield source.problem(
                call,
                "runs SQL outside store/; put it as a named block into store/<aggregate>.sql with a function "
                "in <aggregate>.py (docs/howto/add-query.md), or name the file in ALLOWED with its reason",
            )


def store_problems(source: Source) -> Iterator[Problem]:
    """In store/: no commit, and no SQL put together from pieces."""
    for call in source.calls("commit", "rollback"):
        yield source.problem(call, "store/ never ends a transaction; its caller does (store.db.transaction)")
    for call in source.calls(*_RUNNERS):
        if any(_is_pieced(argument) for argument in call.args):
            yield source.problem(call, "f-string SQL; write a named block and pass parameters")
        if any(re.match(r"\s*(commit|rollback)\b", t, re.I) for a in call.args for t in _literals(a)):
            yield source.problem(call, "store/ never ends a transaction; its caller does (store.db.transaction)")


def _is_pieced(node: ast.AST) -> bool:
    """An f-string of anything but constants: LISTEN and SET take no parameters, so a constant may stand there."""
    if not isinstance(node, ast.JoinedStr):
        return False
    values = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
    return not all(isinstance(v, ast.Name) and v.id.isupper() for v in values)


def _literals(node: ast.AST) -> Iterator[str]:
    """Texts in an argument; in `SQL["truncate"]` the text is a name."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif not isinstance(node, ast.Subscript):
        for part in ast.iter_child_nodes(node):
            yield from _literals(part)


def _is_sql(text: str) -> bool:
    return _SQL.match(text) is not None
