"""A changed copy of the repository, tested with this virtual environment: for mutants and the how-to patches.

The copy's `src` comes first on the path, so its code wins over the installed one; the tests' embedded PostgreSQL is
the checkout's own, by a link.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ci.tools.source import repository_files

#: pytest's exit code for "some tests failed"; all others but 0 mean that it could not run them.
FAILED = 1
#: Ours for "still running when its time was over".
TIMED_OUT = -1


@dataclass(frozen=True)
class Run:
    """What pytest said: its exit code (or TIMED_OUT) and its output."""

    code: int
    output: str

    @property
    def closing_line(self) -> str:
        lines = [line for line in self.output.splitlines() if line.strip()]
        return lines[-1].strip("= ") if lines else "no output"


@contextlib.contextmanager
def copy_of(root: Path) -> Iterator[Path]:
    """A copy of every committed and new file, removed at the end; what the checkout has compiled already is used."""
    with tempfile.TemporaryDirectory(prefix="wo-copy-") as name:
        copy = Path(name)
        files = repository_files(root)
        for folder in {Path(file).parent for file in files}:
            (copy / folder).mkdir(parents=True, exist_ok=True)
            if (root / folder / "__pycache__").is_dir():
                (copy / folder / "__pycache__").symlink_to(root / folder / "__pycache__")
        for file in files:
            shutil.copy2(root / file, copy / file)  # with its time, by which Python knows what was compiled of it
        postgres = root / ".state" / "test-postgres"
        postgres.mkdir(parents=True, exist_ok=True)
        (copy / ".state").mkdir()
        (copy / ".state" / "test-postgres").symlink_to(postgres)
        yield copy


def apply(patch: Path, copy: Path) -> str | None:
    """Apply a patch to a copy; the reason when it does not fit."""
    done = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", str(patch)],
        cwd=copy,
        check=False,
        capture_output=True,
        text=True,
        # a copy below another checkout must not be taken for a part of it: git would then skip the patch in silence
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(copy.parent)},
    )
    return None if done.returncode == 0 else done.stderr.strip()


def run_tests(folder: Path, tests: Sequence[str], *, seconds: float, workers: int = 0) -> Run:
    """Run tests in a checkout or copy with this interpreter; a run that takes longer is ended with its children."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not browser", *tests]
    if workers:
        command += ["-n", str(workers), "--dist", "loadfile"]
    env = {**os.environ, "PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        command, cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, process_group=0
    ) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            output, _ = process.communicate()
            return Run(TIMED_OUT, output)
    return Run(process.returncode, output)
