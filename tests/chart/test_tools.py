"""The tools are built from pinned, hashed sources, once, and say plainly what is wrong."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.chart.render import ROOT, run, tool

SCRIPT = ROOT / "ci" / "chart" / "tools.sh"
FOLDERS = sorted(p for p in (ROOT / "ci" / "chart" / "tools").iterdir() if p.is_dir())
GO = [p for p in FOLDERS if p.name != "python"]


def _tools(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", str(SCRIPT), *args], cwd=ROOT, check=False, capture_output=True, text=True)


def test_every_row_has_a_folder_and_every_folder_a_row() -> None:
    rows = re.findall(r"^([a-z][\w.-]+)\|(?:program|schemas|python)\|", SCRIPT.read_text(), re.MULTILINE)
    assert len(rows) >= 10
    assert sorted(rows) == [p.name for p in FOLDERS]


@pytest.mark.parametrize("folder", GO, ids=lambda p: p.name)
def test_what_is_built_is_checked_by_hash(folder: Path) -> None:
    required = re.findall(
        r"^\s*(?:require )?([\w./-]+\.[\w./-]+) (v\S+)", (folder / "go.mod").read_text(), re.MULTILINE
    )
    sums = (folder / "go.sum").read_text()
    assert required
    # a module that is replaced has its substitute's sum
    replaced = dict(re.findall(r"^replace (\S+) \S+ => (\S+)", (folder / "go.mod").read_text(), re.MULTILINE))
    assert not [m for m, version in required if f"{m} {version}" not in sums and replaced.get(m, " ") not in sums]


def test_python_tools_are_locked_by_hash() -> None:
    lock = (ROOT / "ci/chart/tools/python/requirements.lock").read_text()
    assert {"yamllint", "yamale"} <= set(re.findall(r"^(\w+)==", lock, re.MULTILINE))
    assert len(re.findall(r"^\w+==", lock, re.MULTILINE)) <= lock.count("--hash=sha256:")


def test_an_unknown_tool_is_named_with_those_there_are() -> None:
    done = _tools("path", "helmm")
    assert done.returncode == 1
    assert "'helmm'" in done.stderr
    assert "helm-unittest" in done.stderr


def test_a_second_run_builds_nothing() -> None:
    before = Path(tool("helm")).stat().st_mtime_ns
    done = _tools("path", "helm")
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(done.stdout.strip()).stat().st_mtime_ns == before


@pytest.mark.parametrize(("name", "version"), [("helm", "v4.2.4"), ("helm3", "v3.21.4")])
def test_helm_is_the_promised_version(name: str, version: str) -> None:
    assert version in run(name, "version", "--short").stdout
