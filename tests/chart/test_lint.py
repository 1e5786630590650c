"""Linters that work on files: Helm's own, actionlint on the workflows, gitleaks on everything that is committed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.chart.render import KUBES, ROOT, run

VALUES = [*sorted((ROOT / "values").glob("*.yaml")), *sorted((ROOT / "ci").glob("*-values.yaml"))]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
#: A values file of another chart's release, and so none of ours.
OTHERS = {"official-airflow.yaml"}


@pytest.mark.parametrize("kube", KUBES)
@pytest.mark.parametrize("values", [p for p in VALUES if p.name not in OTHERS], ids=lambda p: p.stem)
def test_helm_lint_is_content(values: Path, kube: str) -> None:
    done = run("helm", "lint", "--strict", f"--values={values}", f"--kube-version={kube}", ".")
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_an_environment_and_a_scenario_to_lint() -> None:
    assert len(VALUES) >= 8


def test_workflows_are_valid() -> None:
    assert {p.stem for p in WORKFLOWS} == {"ci", "release"}
    done = run("actionlint", "-shellcheck=", "-pyflakes=", *map(str, WORKFLOWS))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda p: p.stem)
def test_workflows_only_call_our_targets(workflow: Path) -> None:
    commands = re.findall(r"^\s*(?:- )?run: (.+)$", workflow.read_text(), re.MULTILINE)
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert commands
    assert not [c for c in commands if not c.startswith("make ") or c.split()[1] not in targets]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda p: p.stem)
def test_workflows_name_actions_by_commit_and_get_few_rights(workflow: Path) -> None:
    text = workflow.read_text()
    assert not [u for u in re.findall(r"uses: (\S+)", text) if not re.search(r"@[0-9a-f]{40}$", u)]
    assert re.search(r"^permissions:\n  contents: read$", text, re.MULTILINE)


def _leaks(folder: Path) -> subprocess.CompletedProcess[str]:
    return run(
        "gitleaks",
        "dir",
        str(folder),
        "--no-banner",
        "--redact",
        "--verbose",
        f"--config={ROOT / 'ci/chart/gitleaks.toml'}",
    )


def test_nothing_committed_looks_like_a_credential(tmp_path: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    files = [f for f in listed if (ROOT / f).is_file()] or [
        str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file()
    ]
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, tmp_path / file)
    done = _leaks(tmp_path)
    assert len(files) > 100
    assert done.returncode == 0, done.stdout


def test_a_planted_credential_is_found(tmp_path: Path) -> None:
    planted = "AKIA" + "QYLPMN5HHHFPZAM2"  # put together here, so that this file holds none
    (tmp_path / "values.yaml").write_text(f"aws_access_key_id: {planted}\n")
    assert _leaks(tmp_path).returncode == 1
