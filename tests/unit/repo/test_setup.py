import os
import shutil
import subprocess

import pytest

from ci.tools.source import ROOT

_FILES = ("ci/local/setup.sh", "ci/local/requirements-setup.lock", "requirements-dev.lock", "pyproject.toml")


@pytest.fixture
def setup_in(tmp_path):
    """Run the set-up of a small checkout with nothing on the path but these programs."""

    def run(*programs: str) -> subprocess.CompletedProcess:
        for name in (
            "ci/local/setup.sh",
            "ci/local/requirements-setup.lock",
            "requirements-dev.lock",
            "pyproject.toml",
        ):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tmp_path / name)
        (tmp_path / "bin").mkdir()
        for name in ("sh", "cat", "cksum", "dirname", "mkdir", *programs):
            (tmp_path / "bin" / name).symlink_to(shutil.which(name))
        return subprocess.run(
            ["sh", "ci/local/setup.sh"],
            cwd=tmp_path,
            env={"PATH": str(tmp_path / "bin"), "HOME": os.environ.get("HOME", "/")},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_without_git_one_line_says_so(setup_in):
    done = setup_in()
    assert (done.returncode, done.stderr) == (1, "setup: git is needed and not found; install it\n")


def test_without_python_one_line_says_so(setup_in):
    done = setup_in("git")
    assert done.returncode == 1
    assert done.stderr.startswith("setup: Python 3.11 or newer is needed and not found; install it, or set PYTHON=")
    assert done.stderr.count("\n") == 1


def test_a_ready_environment_costs_nothing(setup_in, tmp_path):
    want = "cat requirements-dev.lock ci/local/requirements-setup.lock pyproject.toml | cksum"
    setup_in()
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/.ready").write_text(subprocess.check_output(want, shell=True, text=True, cwd=tmp_path))
    shutil.rmtree(tmp_path / "bin")
    assert setup_in().returncode == 0
