"""What every linter here works on: source files as text and tree, and one problem as a line a person can act on."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "src/workflow_orchestration"


@dataclass(frozen=True)
class Problem:
    """Where it is, and what to write instead."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Source:
    """One Python file; `path` is relative to the repository."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, filename=self.path)

    def problem(self, node: ast.AST, message: str) -> Problem:
        return Problem(self.path, getattr(node, "lineno", 1), message)

    def calls(self, *names: str) -> Iterator[ast.Call]:
        """Calls of these names, as plain functions or as methods."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and called(node) in names:
                yield node


def called(call: ast.Call) -> str:
    """The last name of what is called: `conn.execute(...)` is `execute`."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def python_sources(root: Path, folder: str = PACKAGE) -> list[Source]:
    return [
        Source(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted((root / folder).rglob("*.py"))
    ]


def repository_files(root: Path) -> list[str]:
    """Every file that is or would be committed: tracked, and new ones that git does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=root, check=True, capture_output=True, text=True
    ).stdout
    return [name for name in sorted(set(listed.split("\0"))) if name and (root / name).is_file()]


def text_of(path: Path) -> str | None:
    """A file's text; None for one that is not text."""
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return None
