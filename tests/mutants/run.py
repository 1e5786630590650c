"""Mutants: each `*.patch` here breaks one promise, and the test it names must then fail.

A patch begins with header lines, before its first `diff`:

    # test: tests/integration/test_work.py::test_a_lost_item_writes_nothing   (one or more, also on several lines)
    # why: the fence is what stops a worker that lost its item
    # hang-ok                   only where the broken code may hang instead of failing

Run all with `make test-failure`, some by name or folder: `python -m tests.mutants.run fence heartbeat`. Those in
`airflow/` are run by `make test-airflow` alone: their tests need its environment.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ci.tools import copies
from ci.tools.source import ROOT

FOLDER = Path(__file__).parent
#: Of one mutant's tests.
SECONDS = 180.0
_AT_ONCE = 2
#: Folders of mutants whose tests have a stage of their own: run only when named.
_OWN_STAGE = ("airflow",)


@dataclass(frozen=True)
class Mutant:
    """One patch: what it is called, which tests must fail, why they matter."""

    name: str
    patch: Path
    tests: tuple[str, ...]
    why: str
    hang_ok: bool


@dataclass(frozen=True)
class Result:
    """caught: a named test failed. survived: all passed. broken: the patch or its tests could not even run."""

    mutant: Mutant
    verdict: Literal["caught", "survived", "broken"]
    detail: str


def read(patch: Path) -> Mutant:
    """A mutant from its file; ValueError names what its header lacks."""
    header = patch.read_text(encoding="utf-8").split("\ndiff ", 1)[0].splitlines()
    fields = [re.fullmatch(r"# (test|why|hang-ok)(?:: *(.*))?", line) for line in header]
    named = [(f[1], f[2] or "") for f in fields if f]
    tests = tuple(test for key, value in named if key == "test" for test in value.split())
    why = " ".join(value for key, value in named if key == "why")
    for key, value in (("test", tests), ("why", why)):
        if not value:
            raise ValueError(f"{patch.name}: its header has no `# {key}: ...` line")
    return Mutant(patch.stem, patch, tests, why, any(key == "hang-ok" for key, _ in named))


def judge(mutant: Mutant, run: copies.Run) -> Result:
    """A mutant is caught by a failing test only: what cannot be collected or set up proves nothing."""
    if run.code == copies.TIMED_OUT:
        return Result(mutant, "caught" if mutant.hang_ok else "broken", f"hung for {SECONDS:.0f} s")
    if run.code == 0:
        return Result(mutant, "survived", run.closing_line)
    if run.code == copies.FAILED and re.search(r"\b[1-9]\d* failed\b", run.closing_line):
        return Result(mutant, "caught", run.closing_line)
    return Result(mutant, "broken", f"pytest exit {run.code}: {run.closing_line}")


def try_one(mutant: Mutant) -> Result:
    with copies.copy_of(ROOT) as copy:
        if reason := copies.apply(mutant.patch, copy):
            return Result(mutant, "broken", f"the patch does not apply: {reason}")
        return judge(mutant, copies.run_tests(copy, mutant.tests, seconds=SECONDS))


def main(wanted: Sequence[str]) -> int:
    patches = [p for p in sorted(FOLDER.rglob("*.patch")) if _is_wanted(p, wanted)]
    if not patches:
        print(f"mutants: no patch in {FOLDER.relative_to(ROOT)} matches {' '.join(wanted) or '*.patch'}")
        return 1
    mutants = [read(patch) for patch in patches]
    if not _all_pass_unmutated(mutants):
        return 1
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        results = [_told(result) for result in pool.map(try_one, mutants)]
    count = {v: sum(r.verdict == v for r in results) for v in ("caught", "survived", "broken")}
    for result in results:  # once more, last: a log's end is what is kept of it
        if result.verdict != "caught":
            _told(result)
    print(", ".join(f"{count[v]} {v}" for v in ("caught", "survived", "broken")))
    return 0 if count["caught"] == len(results) else 1


def _is_wanted(patch: Path, wanted: Sequence[str]) -> bool:
    if not wanted:
        return patch.parent.name not in _OWN_STAGE
    return any(word in patch.stem or word == f"{patch.parent.name}/" for word in wanted)


def _all_pass_unmutated(mutants: Sequence[Mutant]) -> bool:
    """A test that fails without its mutant, or is skipped away, would prove nothing."""
    tests = sorted({test for mutant in mutants for test in mutant.tests})
    run = copies.run_tests(ROOT, tests, seconds=SECONDS * 5, workers=_AT_ONCE)
    if run.code != 0 or "skipped" in run.closing_line:
        print(run.output)
        print(f"mutants: the named tests must all pass without a mutant first: {run.closing_line}")
        return False
    print(f"unmutated: {run.closing_line}")
    return True


def _told(result: Result) -> Result:
    print(f"{result.verdict:8}  {result.mutant.name:32} {result.detail}\n{'':10}{result.mutant.why}", flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
