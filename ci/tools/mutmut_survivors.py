"""Mutants that live: tests/mutants/survivors.toml says of each why, and for which source of its function.

A function that changed has other mutants: what was said about it is then stale, and so is its module's line in
docs/reports/mutmut.md. Comments, docstrings and layout do not count.
"""

from __future__ import annotations

import ast
import hashlib
import json
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ci.tools.source import PACKAGE

FILE = Path("tests/mutants/survivors.toml")


@dataclass(frozen=True)
class Survivor:
    """One mutant that no test kills."""

    #: As people write it: `store/work.py`.
    module: str
    #: `claim`, or `Heart.beat` for a method.
    function: str
    #: The lines that it changes: `was -> is`.
    change: str


@dataclass(frozen=True)
class Explained:
    """What the file says of one function."""

    module: str
    function: str
    #: `source_of` when it was written.
    source: str
    #: Why, by the mutant's change.
    why: dict[str, str]


def read(file: Path) -> list[Explained]:
    found = tomllib.loads(file.read_text(encoding="utf-8"))["function"]
    return [Explained(f["module"], f["name"], f["source"], dict(f["lives"])) for f in found]


def functions(module_file: Path) -> dict[str, ast.AST]:
    """A module's functions and its classes' methods by name, each without its docstring."""
    tree = ast.parse(module_file.read_text(encoding="utf-8"))
    return dict(_functions(tree.body, ""))


def _functions(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.AST]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:]
            yield prefix + node.name, node


def source_of(node: ast.AST) -> str:
    """A short mark of what a function does, whatever its layout."""
    return hashlib.sha256(repr(_shape(node)).encode()).hexdigest()[:12]


def _shape(part: object) -> object:
    """Of a syntax tree what every Python writes alike: `ast.dump` names empty fields, and newer ones have more."""
    if isinstance(part, ast.AST):
        return type(part).__name__, [(name, _shape(value)) for name, value in ast.iter_fields(part) if value != []]
    return [_shape(value) for value in part] if isinstance(part, list) else part


def source_of_module(module_file: Path) -> str:
    """A short mark of all that mutmut changes in a module: its functions."""
    marks = [f"{name} {source_of(node)}" for name, node in functions(module_file).items()]
    return hashlib.sha256("\n".join(marks).encode()).hexdigest()[:12]


def stale(root: Path, explained: Iterable[Explained]) -> list[str]:
    """What the file says about functions that are gone or changed since, and how to renew it."""
    found = []
    for entry in explained:
        file = root / PACKAGE / entry.module
        there = functions(file) if file.exists() else {}
        if entry.function not in there:
            found.append(f"{entry.module} has no function {entry.function}: take its entry out of {FILE}")
        elif source_of(there[entry.function]) != entry.source:
            found.append(
                f"{entry.module} {entry.function} changed since its survivors were explained: "
                f"run `make mutmut ONLY={entry.module}` and put what it prints into {FILE}"
            )
    return found


def unexplained(survivors: Iterable[Survivor], explained: Iterable[Explained]) -> list[Survivor]:
    known = {(e.module, e.function, change) for e in explained for change, why in e.why.items() if why.strip()}
    return [s for s in survivors if (s.module, s.function, s.change) not in known]


def gone(survivors: Iterable[Survivor], explained: Iterable[Explained]) -> list[Survivor]:
    """What the file explains though it does not live (any more)."""
    alive = set(survivors)
    listed = [Survivor(e.module, e.function, change) for e in explained for change in e.why]
    return [s for s in listed if s not in alive]


def as_toml(root: Path, survivors: Iterable[Survivor], explained: Iterable[Explained] = ()) -> str:
    """Entries for the file, with the reasons that are known for the same change."""
    reasons = {(e.module, e.function, change): why for e in explained for change, why in e.why.items()}
    by_function: dict[tuple[str, str], list[Survivor]] = {}
    for survivor in survivors:
        by_function.setdefault((survivor.module, survivor.function), []).append(survivor)
    return "\n".join(
        _entry(root, module, function, {s.change: reasons.get((module, function, s.change), "") for s in found})
        for (module, function), found in sorted(by_function.items())
    )


def _entry(root: Path, module: str, function: str, why: dict[str, str]) -> str:
    source = source_of(functions(root / PACKAGE / module)[function])
    lives = "".join(f"    [{_quoted(change)},\n     {_quoted(reason)}],\n" for change, reason in why.items())
    return f'[[function]]\nmodule = "{module}"\nname = "{function}"\nsource = "{source}"\nlives = [\n{lives}]\n'


def _quoted(text: str) -> str:
    """A JSON string is a TOML one."""
    return json.dumps(text, ensure_ascii=False)
