"""Our own linters, one a file, each tested in tests/unit/repo. `make lint` runs them; a rule said twice in review
becomes one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from ci.tools import (
    generate,
    lint_docs,
    lint_hosts,
    lint_interrupt,
    lint_secrets,
    lint_settings,
    lint_shape,
    lint_sql,
)
from ci.tools.source import ROOT, Problem

LINTERS: dict[str, Callable[[Path], Iterator[Problem]]] = {
    "settings only in settings.py": lint_settings.check,
    "SQL only in store/": lint_sql.check,
    "interrupt() is never swallowed": lint_interrupt.check,
    "size and depth": lint_shape.check,
    "no machine's path, no registry's host": lint_hosts.check,
    "no secret": lint_secrets.check,
    "generated files are fresh": generate.check,
    "documents do not lie": lint_docs.check,
}


def main() -> int:
    found = 0
    for title, check in LINTERS.items():
        for problem in check(ROOT):
            print(f"{problem}  [{title}]")
            found += 1
    print(f"own linters: {len(LINTERS)} rules, {found} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
