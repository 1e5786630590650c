"""Only settings.py reads the environment: one place lists, explains and checks every variable."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from ci.tools.source import PACKAGE, Problem, Source, python_sources

_READERS = {"environ", "getenv", "environb", "getenvb", "putenv"}
_MESSAGE = "reads the environment; add a field to settings.py (docs/howto/add-setting.md) and use settings.get()"


def check(root: Path) -> Iterator[Problem]:
    for source in python_sources(root):
        if source.path != f"{PACKAGE}/settings.py":
            yield from problems(source)


def problems(source: Source) -> Iterator[Problem]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr=name) if name in _READERS:
                yield source.problem(node, f"os.{name} {_MESSAGE}")
            case ast.ImportFrom(module="os", names=names) if any(n.name in _READERS for n in names):
                yield source.problem(node, f"importing it from os {_MESSAGE}")
            case _:
                continue
