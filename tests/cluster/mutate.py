"""`make e2e-mutants`: each patch of tests/cluster/mutants breaks one promise of the running release, in a copy of the
checkout; the test it names must then fail on the real cluster. Takes half an hour, so it is not part of CI.

    python -m tests.cluster.mutate [names]
"""

from __future__ import annotations

import re
import subprocess
import sys
import time

from ci.cluster import down, enter, up
from ci.tools import copies
from ci.tools.source import ROOT
from tests.mutants.run import Mutant, read

FOLDER = ROOT / "tests" / "cluster" / "mutants"
REPORT = ROOT / "docs" / "reference" / "cluster-mutants.md"
_SECONDS = 600.0
_HEAD = """\
# Mutants of the cluster

<!-- Written by `make e2e-mutants`; a row is one patch of tests/cluster/mutants, tried on a real cluster. -->

| mutant | why it matters | caught by | verdict |
|---|---|---|---|
"""


def inside(names: list[str]) -> int:
    """In the node's network: every mutant, one after the other."""
    rows, survived = [], []
    for patch in sorted(FOLDER.glob("*.patch")):
        if names and not any(name in patch.stem for name in names):
            continue
        mutant = read(patch)
        verdict = _try(mutant)
        print(f"{mutant.name}: {verdict}", flush=True)
        if not verdict.startswith("caught"):
            survived.append(mutant.name)
        tests = ", ".join(f"`{test.split('::')[-1]}`" for test in mutant.tests)
        rows.append(f"| {mutant.name} | {mutant.why} | {tests} | {verdict} |\n")
    _write(rows)
    print(f"{len(rows) - len(survived)} of {len(rows)} caught")
    return 1 if survived else 0


def _write(rows: list[str]) -> None:
    """A run of some mutants renews their rows and leaves the others'."""
    there = REPORT.read_text().splitlines(keepends=True) if REPORT.exists() else []
    named = {row.split("|")[1].strip(): row for row in [*there, *rows] if row.startswith("| ")}
    kept = {path.stem for path in FOLDER.glob("*.patch")}
    REPORT.write_text(_HEAD + "".join(row for name, row in sorted(named.items()) if name in kept))


def _try(mutant: Mutant) -> str:
    """A release that cannot even be installed is caught too: on a cluster that is how some faults show."""
    began = time.monotonic()
    with copies.copy_of(ROOT) as copy:
        if reason := copies.apply(mutant.patch, copy):
            return f"broken: the patch does not apply: {reason}"
        run = copies.run_tests(copy, mutant.tests, seconds=_SECONDS)
    seconds = f"{time.monotonic() - began:.0f} s"
    if run.code == copies.FAILED:
        return f"caught after {seconds}: {_reason(run.output)}"
    return f"survived: {run.closing_line}" if run.code == 0 else f"broken: exit {run.code}, {run.closing_line}"


def _reason(output: str) -> str:
    """pytest's first word on what went wrong, so that a reader sees that it is the mutant's doing."""
    said = next(
        (line[1:].strip() for line in output.splitlines() if re.match(r"E {3,}[A-Za-z]", line)), "no reason given"
    )
    return said.replace("|", "/")[:160]


def main(words: list[str]) -> int:
    if words[:1] == ["--inside"]:
        return inside(words[1:])
    code = up.main()
    try:
        if code == 0:
            command = enter.network([sys.executable, "-m", "tests.cluster.mutate", "--inside", *words])
            code = subprocess.run(command, cwd=ROOT, env=enter.environment(), check=False).returncode
    finally:
        left = down.main()
    return code or left


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
