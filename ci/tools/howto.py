"""The how-to pages keep their word: each page's example patch is applied to a copy, the tests that the page names run
there, and the paths that the patch touches are those of the page's table.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ci.tools import copies
from ci.tools.source import ROOT

FOLDER = ROOT / "docs" / "howto"
_SECONDS = 300.0


@dataclass(frozen=True)
class Page:
    """What a page promises. A path may hold a placeholder: `domain/actions/<action>.py`."""

    name: str
    patch: Path
    tests: tuple[str, ...]
    touches: tuple[str, ...]


def read(path: Path) -> Page:
    """A page's `## Proof` list and `## Touches` table; its patch has its name."""
    text = path.read_text(encoding="utf-8")
    return Page(
        name=path.stem,
        patch=path.parent / "patches" / f"{path.stem}.patch",
        tests=tuple(re.findall(r"^- `(tests/[^`]+)`", _section(text, "Proof"), re.MULTILINE)),
        touches=tuple(re.findall(r"^\| `([^`]+)` \|", _section(text, "Touches"), re.MULTILINE)),
    )


def _section(text: str, heading: str) -> str:
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def touched(patch: str) -> list[str]:
    """Paths that a patch adds, changes or removes."""
    return sorted(set(re.findall(r"^diff --git a/\S+ b/(\S+)$", patch, re.MULTILINE)))


def differences(touches: Sequence[str], paths: Sequence[str]) -> Iterator[str]:
    """What table and patch do not have in common."""
    rows = {row: re.compile(re.sub(r"<[^>]+>", "[^/]+", re.escape(row))) for row in touches}
    for row, pattern in rows.items():
        if not any(pattern.fullmatch(path) for path in paths):
            yield f"the table names {row}, which the patch does not touch"
    for path in paths:
        if not any(pattern.fullmatch(path) for pattern in rows.values()):
            yield f"the patch touches {path}, which the table does not name"


def problems(page: Page) -> Iterator[str]:
    if not page.patch.exists():
        yield f"{page.patch.relative_to(ROOT)} is missing"
        return
    yield from differences(page.touches, touched(page.patch.read_text(encoding="utf-8")))
    if not page.tests:
        yield "its `## Proof` names no test"
        return
    with copies.copy_of(ROOT) as copy:
        if reason := copies.apply(page.patch, copy):
            yield f"the patch does not apply: {reason}"
            return
        run = copies.run_tests(copy, page.tests, seconds=_SECONDS)
        print(f"{page.name}: {run.closing_line}", flush=True)
        if run.code != 0:
            yield f"its tests do not pass on the patched copy\n{run.output}"


def main() -> int:
    pages = [read(path) for path in sorted(FOLDER.glob("add-*.md"))]
    found = [f"{page.name}: {problem}" for page in pages for problem in problems(page)]
    print("\n".join([*found, f"how-to pages: {len(pages)} tried, {len(found)} problems"]))
    return 1 if found or not pages else 0


if __name__ == "__main__":
    sys.exit(main())
