"""docs/reports/mutmut.md: what mutmut found, a line a module; a line says for which source of its module it holds."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from importlib.metadata import version
from pathlib import Path

from ci.tools.mutmut_survivors import FILE as SURVIVORS
from ci.tools.mutmut_survivors import source_of_module
from ci.tools.source import PACKAGE

FILE = Path("docs/reports/mutmut.md")
#: Of the mutants that the types let pass, the least share that a test must catch.
AT_LEAST = 0.85

_PAGE = """# Mutation tests of the engine

mutmut changes one thing at a time in the modules below and runs the tests that reach it. What mypy refuses (its part
of `make lint`) never gets as far as a test and counts for nothing here. Of the {judged} other mutants the tests caught
**{percent:.1f} %**; {at_least:.0f} % is the least. Each that lives is explained in
[{survivors}](../../{survivors}).

`make mutmut` writes this page and fails below that share, or when a survivor has no explanation;
`make mutmut ONLY=store/work.py` does so for one module and keeps the other lines. A unit test fails when a module or
an explained function has changed since.

| what | value |
|---|---|
{facts}

| module | its source | mutants | refused by types | caught | of those hung | survived | no test reaches | share |
|---|---|---|---|---|---|---|---|---|
{lines}

A time-out is a mutant that hangs its tests. Functions under a decorator (context managers, most of all) are not
mutated: mutmut cannot.
"""


@dataclass(frozen=True)
class Line:
    """One module's mutants, by what became of them."""

    module: str
    #: Its mark when this was measured.
    source: str
    mutants: int
    types: int
    caught: int
    #: Of `caught`: mutants that hung.
    timeouts: int
    survived: int
    no_tests: int

    @property
    def judged(self) -> int:
        return self.mutants - self.types

    def __str__(self) -> str:
        cells = " | ".join(str(value) for value in astuple(self)[1:])
        return f"| {self.module} | {cells} | {share([self]):.1%} |"


def share(lines: Iterable[Line]) -> float:
    """Of the mutants that the types let pass, the part that a test caught."""
    found = list(lines)
    judged = sum(line.judged for line in found)
    return sum(line.caught for line in found) / judged if judged else 1.0


def read(text: str) -> dict[str, Line]:
    """The lines of a report by module."""
    kinds = [field.type for field in fields(Line)]
    found = {}
    for row in re.findall(r"^\| ((?:worker|store)/\w+\.py) \| (.*) \|$", text, re.MULTILINE):
        cells = [row[0], *row[1].split(" | ")[: len(kinds) - 1]]
        values = [int(cell) if kind == "int" else cell for cell, kind in zip(cells, kinds, strict=True)]
        found[row[0]] = Line(*values)  # type: ignore[arg-type]
    return found


def facts(text: str) -> dict[str, str]:
    """What a report says of its run."""
    table = text.partition("| what | value |\n|---|---|\n")[2].partition("\n\n")[0]
    return dict(row.strip("| ").split(" | ", 1) for row in table.splitlines())


def written(lines: Mapping[str, Line], facts: Mapping[str, str]) -> str:
    found = [lines[module] for module in sorted(lines)]
    total = Line("all", "", *(sum(getattr(line, f.name) for line in found) for f in fields(Line)[2:]))
    return _PAGE.format(
        judged=total.judged,
        percent=100 * share(found),
        at_least=100 * AT_LEAST,
        survivors=SURVIVORS.as_posix(),
        facts="\n".join(f"| {name} | {value} |" for name, value in facts.items()),
        lines="\n".join(str(line) for line in [*found, total]),
    )


def versions() -> str:
    named = ", ".join(f"{name} {version(name)}" for name in ("mutmut", "mypy", "pytest", "langgraph", "psycopg"))
    return f"Python {platform.python_version()}, {named}"


def stale(root: Path, lines: Mapping[str, Line], modules: Sequence[str]) -> list[str]:
    """What the report does not say, or says of another source than there is."""
    found = [f"{FILE} has a line for {module}, which is not mutated" for module in lines if module not in modules]
    for module in modules:
        renew = f"run `make mutmut ONLY={module}`"
        if module not in lines:
            found.append(f"{FILE} has no line for {module}: {renew}")
        elif lines[module].source != source_of_module(root / PACKAGE / module):
            found.append(f"{module} changed since {FILE} was written: {renew}")
    return found
