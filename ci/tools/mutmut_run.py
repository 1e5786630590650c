"""Mutation tests of the engine: `make mutmut`, by hand; ONLY= for some modules, KEEP=1 to go on with what an earlier
run left (what it had caught stays caught; what lived is tried again when a test changed).

mutmut writes its mutants below the folder it runs in, so it runs in a copy, .state/mutmut/. The tests' PostgreSQL is
the checkout's own, by a link: all mutants share it. A mutant that hangs is killed in mid-test; the databases that it
leaves there are dropped at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ci.local.postgres import Server
from ci.tools import mutmut_report, mutmut_survivors
from ci.tools.mutmut_report import AT_LEAST, Line
from ci.tools.mutmut_survivors import Survivor
from ci.tools.source import PACKAGE, ROOT, repository_files

COPY = ROOT / ".state" / "mutmut"
MUTANTS = COPY / "mutants"
_POSTGRES = Path(".state") / "test-postgres"
#: What the tests need; the rest of the repository is nothing to them.
_COPIED = ("src/", "tests/", "ci/", "requirements.lock", "pyproject.toml")
#: What mutmut's book says of a mutant; anything else is a test's failure.
_SURVIVED, _NO_TESTS, _TIMEOUT, _TYPES = 0, 33, 36, 37


def settings(root: Path) -> dict[str, Any]:
    """What pyproject.toml says to mutmut; nothing where there is none."""
    file = root / "pyproject.toml"
    found = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    told: dict[str, Any] = found.get("tool", {}).get("mutmut", {})
    return told


def modules() -> list[str]:
    """What is mutated, as `store/work.py`."""
    return [str(path).removeprefix(f"{PACKAGE}/") for path in settings(ROOT)["only_mutate"]]


def prepare(*, keep: bool) -> None:
    """Bring the copy to what the checkout says. What is kept: results of functions that are as they were.

    Other settings number the mutants otherwise, so then nothing is kept.
    """
    if not keep or settings(COPY) != settings(ROOT):
        shutil.rmtree(COPY, ignore_errors=True)
    files = [name for name in repository_files(ROOT) if name.startswith(_COPIED)]
    changed = [name for name in files if _brought(name, COPY)]
    for name in changed:  # mutmut copies data only when it is not there
        if name.startswith("src/") and not name.endswith(".py") and MUTANTS.exists():
            _brought(name, MUTANTS)
    if any(name.startswith(("tests/", "ci/")) for name in changed):
        _forget_survivors()
    for folder in ("tests", "ci"):
        shutil.rmtree(MUTANTS / folder, ignore_errors=True)
    (COPY / "tmp").mkdir(exist_ok=True)
    # there before mutmut starts: Python remembers of a folder on its path that it was not there
    (MUTANTS / "src").mkdir(parents=True, exist_ok=True)
    (ROOT / _POSTGRES).mkdir(parents=True, exist_ok=True)
    (MUTANTS / ".state").mkdir(parents=True, exist_ok=True)
    if not (MUTANTS / _POSTGRES).exists():
        (MUTANTS / _POSTGRES).symlink_to(ROOT / _POSTGRES)


def _brought(name: str, folder: Path) -> bool:
    """Copy a file where it differs; an unchanged one keeps its time, by which mutmut sees changes."""
    source, target = ROOT / name, folder / name
    if target.exists() and target.read_bytes() == source.read_bytes():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return True


def _forget_survivors() -> None:
    """Other tests may catch what lived, and reach what was not reached."""
    for file in MUTANTS.rglob("*.py.meta"):
        found = json.loads(file.read_text(encoding="utf-8"))
        codes = found["exit_code_by_key"]
        codes.update({name: None for name, code in codes.items() if code in (_SURVIVED, _NO_TESTS)})
        file.write_text(json.dumps(found), encoding="utf-8")


def mutate(only: Sequence[str]) -> int:
    """Try the mutants that have no result yet, or all of these modules anew; pytest's exit code."""
    names = [f"workflow_orchestration.{module.removesuffix('.py').replace('/', '.')}.*" for module in only]
    command = ["nice", "-n", "15", sys.executable, "-m", "ci.tools.mutmut_session", *names]
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(MUTANTS / "src"),
        "PYTEST_DEBUG_TEMPROOT": str(COPY / "tmp"),
        "TMPDIR": str(COPY / "tmp"),
    }
    with subprocess.Popen(command, cwd=COPY, env=env, process_group=0) as process:
        try:
            return process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)


def tidy() -> None:
    """Drop the databases of mutants that were killed, and their temporary files."""
    shutil.rmtree(COPY / "tmp", ignore_errors=True)
    server = Server(ROOT / _POSTGRES)
    with server.admin() as conn:
        names = [str(row[0]) for row in conn.execute("select datname from pg_database where datname like 't\\_%'")]
    for name in names:
        if not Path("/proc", name.split("_")[1]).exists():
            server.drop_database(name)


def outcomes(module: str) -> dict[str, int | None]:
    """{mutant: exit code} of a module; None for one that was not tried."""
    found = json.loads((MUTANTS / PACKAGE / f"{module}.meta").read_text(encoding="utf-8"))
    codes: dict[str, int | None] = found["exit_code_by_key"]
    return codes


def line_of(module: str, codes: Mapping[str, int | None], *, source: str) -> Line:
    found = list(codes.values())
    types, survived, no_tests = (found.count(code) for code in (_TYPES, _SURVIVED, _NO_TESTS))
    return Line(
        module=module,
        source=source,
        mutants=len(found),
        types=types,
        caught=len(found) - types - survived - no_tests,
        timeouts=found.count(_TIMEOUT),
        survived=survived,
        no_tests=no_tests,
    )


def survivors_of(module: str, codes: Mapping[str, int | None]) -> Iterator[Survivor]:
    # imported here: parsers that only a run needs
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.utils.format_utils import orig_function_and_class_names_from_key

    with contextlib.chdir(COPY):
        for mutant, code in codes.items():
            if code in (_SURVIVED, _NO_TESTS):
                name, class_name = orig_function_and_class_names_from_key(mutant)
                diff = get_diff_for_mutant(mutant, path=f"{PACKAGE}/{module}")
                yield Survivor(module, f"{class_name}.{name}" if class_name else name, change_in(diff))


def change_in(diff: str) -> str:
    """A diff in one line: what it takes away, and what it puts there."""
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++", "@@"))]
    was = " ".join(line[1:].strip() for line in lines if line.startswith("-"))
    now = " ".join(line[1:].strip() for line in lines if line.startswith("+"))
    return f"{was} -> {now or 'nothing'}"


def conclude(only: Sequence[str], seconds: float, *, kept: bool) -> int:
    """Write the report; say what is not explained; 1 when that or too little was caught."""
    results = {module: outcomes(module) for module in only}
    untried = [name for codes in results.values() for name, code in codes.items() if code is None]
    if untried:
        print(f"mutmut: {len(untried)} mutants were not tried, {untried[0]} for one: `make mutmut KEEP=1` goes on")
        return 1
    report = ROOT / mutmut_report.FILE
    before = report.read_text(encoding="utf-8") if report.exists() else ""
    lines = {module: line for module, line in mutmut_report.read(before).items() if module in modules()}
    for module, codes in results.items():
        source = mutmut_survivors.source_of_module(COPY / PACKAGE / module)
        lines[module] = line_of(module, codes, source=source)
    facts = _facts(seconds, kept=kept) if only == modules() else _renewed(mutmut_report.facts(before), only)
    report.write_text(mutmut_report.written(lines, facts), encoding="utf-8")
    found = [survivor for module, codes in results.items() for survivor in survivors_of(module, codes)]
    explained = [e for e in mutmut_survivors.read(ROOT / mutmut_survivors.FILE) if e.module in only]
    return _judged(mutmut_report.share(lines.values()), found, explained)


def _facts(seconds: float, *, kept: bool) -> dict[str, str]:
    return {
        "command": f"`make mutmut`{', then `make mutmut KEEP=1` with more tests' if kept else ''}",
        "took": f"{seconds / 60:.0f} min, two mutants at a time, niced, on {os.cpu_count()} cores",
        "when": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "versions": mutmut_report.versions(),
    }


_ANEW = "done anew"


def _renewed(facts: dict[str, str], only: Sequence[str]) -> dict[str, str]:
    """The facts of the run over all modules, and when some were done anew."""
    earlier = [text for text in facts.get(_ANEW, "").split(", ") if text and text.split()[0] not in only]
    return {**facts, _ANEW: ", ".join([*earlier, *(f"{module} {datetime.now(UTC):%Y-%m-%d}" for module in only)])}


def _judged(share: float, found: Sequence[Survivor], explained: Sequence[mutmut_survivors.Explained]) -> int:
    print(f"mutmut: tests caught {share:.1%} of what the types let pass; {AT_LEAST:.0%} is the least")
    stale = mutmut_survivors.stale(ROOT, explained)
    for survivor in mutmut_survivors.gone(found, explained):
        stale.append(f"{survivor.module} {survivor.function}: `{survivor.change}` lives no more: take it out")
    print("".join(f"{text}\n" for text in stale), end="")
    missing = mutmut_survivors.unexplained(found, explained)
    if missing:
        print(f"\nNot explained in {mutmut_survivors.FILE}: kill it by a test, or put in, with a reason:\n")
        touched = {(s.module, s.function) for s in missing}
        print(mutmut_survivors.as_toml(ROOT, [s for s in found if (s.module, s.function) in touched], explained))
    return int(bool(missing or stale) or share < AT_LEAST)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make mutmut", description=__doc__)
    parser.add_argument("--only", default="", help="modules, as store/work.py,worker/lease.py")
    parser.add_argument("--keep", action="store_true", help="go on with what an earlier run left")
    asked = parser.parse_args(arguments)
    only = [name for name in asked.only.split(",") if name] or modules()
    if unknown := set(only) - set(modules()):
        print(f"mutmut: ONLY names {sorted(unknown)}; pyproject.toml mutates {modules()}")
        return 1
    began = time.monotonic()
    prepare(keep=asked.keep)
    try:
        code = mutate([] if only == modules() else only)
    finally:
        tidy()
    return code or conclude(only, time.monotonic() - began, kept=asked.keep)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
