"""Write every generated file (`make fix`), or say which one is out of date (`make lint`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ci.tools import clidoc, envdoc, errordoc, roledoc, snippets
from ci.tools.source import ROOT, Problem

FILES: dict[Path, Callable[[], str]] = {
    **clidoc.FILES,
    **envdoc.FILES,
    **errordoc.FILES,
    **roledoc.FILES,
    **snippets.FILES,
}


def check(root: Path) -> Iterator[Problem]:
    for path, text in FILES.items():
        there = (root / path).read_text(encoding="utf-8") if (root / path).exists() else None
        if there != text():
            yield Problem(path.as_posix(), 1, "is not what its source says; run `make fix` and commit the result")


def write(root: Path) -> None:
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    write(ROOT)
