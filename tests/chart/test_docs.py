"""The pages about deploying name values, files, tests and keys that exist."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.chart.render import KUBES, ROOT, Object, environment, objects, of_kind
from tests.chart.schemas import faults_of, validate

PAGES = sorted([*(ROOT / "docs" / "howto").glob("*.md"), ROOT / "docs" / "seed-conformance.md"])
DEPLOYMENT = [p for p in PAGES if "helm " in p.read_text() or "\n```yaml\n" in p.read_text()]
CONFORMANCE = ROOT / "docs" / "seed-conformance.md"


def _values() -> Object:
    values: Object = yaml.safe_load((ROOT / "values.yaml").read_text())
    for chart in sorted(p for p in (ROOT / "charts").iterdir() if p.is_dir()):
        own = yaml.safe_load((chart / "values.yaml").read_text())
        values[chart.name] = {**own, "enabled": True, **(values.get(chart.name) or {})}
    return values


def _is_value(path: str, values: Object) -> bool:
    node: object = values
    for key in path.split("."):
        if not isinstance(node, dict):
            return False
        if node == {}:
            return True  # a map that takes any key
        if key not in node:
            return False
        node = node[key]
    return True


def test_there_are_pages_about_deploying() -> None:
    names = {p.stem for p in DEPLOYMENT}
    assert {
        "deploy-minikube",
        "deploy-gke",
        "deploy-eks",
        "upgrade",
        "own-airflow",
        "own-model",
        "own-postgres",
        "argocd",
        "air-gap",
    } <= names


@pytest.mark.parametrize("page", DEPLOYMENT, ids=lambda p: p.stem)
def test_values_that_a_page_names_exist(page: Path) -> None:
    charts = "|".join(["global", "networkPolicy", *(p.name for p in (ROOT / "charts").iterdir())])
    named = re.findall(rf"`((?:{charts})(?:\.\w+)+)(?:=[^`]*)?`", page.read_text())
    assert not [path for path in named if not _is_value(path, _values())]


@pytest.mark.parametrize("page", DEPLOYMENT, ids=lambda p: p.stem)
def test_values_that_a_page_shows_are_accepted_by_the_schema(page: Path) -> None:
    for block in re.findall(r"^ *```yaml\n(.*?)^ *```$", page.read_text(), re.MULTILINE | re.DOTALL):
        shown = yaml.safe_load(block)
        if "apiVersion" in shown:
            continue
        assert not [path for path in _paths(shown) if not _is_value(path, _values())], block


def _paths(values: Object, path: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _paths(value, f"{path}{key}.")
        else:
            yield f"{path}{key}"


def test_every_requirement_of_the_specification_has_a_row() -> None:
    rows = _rows()
    counts = {letter: sum(number.startswith(letter) for number in rows) for letter in "RATDS"}
    assert counts == {"R": 12, "A": 22, "T": 13, "D": 14, "S": 11}
    assert not [number for number, proof in rows.items() if "tests/" not in proof and "OPEN: " not in proof]


def _rows() -> dict[str, str]:
    rows = re.findall(r"^\| ([RATDS]\d+) \| .+? \| (.+?) \|$", CONFORMANCE.read_text(), re.MULTILINE)
    assert len(rows) == len({number for number, _ in rows}) == 72
    return dict(rows)


def test_tests_that_prove_a_requirement_are_collected() -> None:
    named = sorted({test for proof in _rows().values() for test in re.findall(r"`(tests/[\w/.:]+)`", proof)})
    assert len(named) > 30
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *named]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    collected = re.findall(r"^(tests/\S+?)(?:\[.*)?$", done.stdout, re.MULTILINE)
    assert not [test for test in named if not any(c == test or c.startswith(f"{test}::") for c in collected)]


def test_the_specification_has_a_page_in_our_words() -> None:
    text = (ROOT / "docs" / "prd-phase-5.md").read_text()
    numbers = [
        "1.28",
        "8000",
        "8080",
        "70 %",
        "80 %",
        "256Mi",
        "512Mi",
        "Mistral-7B-Instruct-v0.2",
        "512 tokens",
        "0.7",
    ]
    assert not [number for number in numbers if number not in text]


def test_the_scripts_that_the_pages_name_exist() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {t for p in DEPLOYMENT for t in re.findall(r"(?:^|`|or: )make ([a-z][a-z-]+)", p.read_text(), re.M)}
    assert {"images", "install", "uninstall", "package", "chart-test"} <= named
    assert not named - targets


def test_env_files_are_ignored_by_git_and_by_helm() -> None:
    # the pages write the cluster's file into .state
    assert {".env", ".state/"} <= set((ROOT / ".gitignore").read_text().split())
    assert {".*", "*.env"} <= set((ROOT / ".helmignore").read_text().split())
    named = {name for p in DEPLOYMENT for name in re.findall(r"[\w./-]*cluster\.env", p.read_text())}
    assert named == {".state/cluster.env"}


def test_every_alert_has_a_runbook() -> None:
    rendered = objects(environment("gke", "all-on"))
    rules = [
        rule
        for thing in of_kind(rendered, "PrometheusRule")
        for group in thing["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    assert rules
    for rule in rules:
        page = rule["annotations"]["runbook_url"].split("docs/")[-1].split("#")
        text = (ROOT / "docs" / page[0]).read_text()
        assert rule["alert"].lower() in text.lower(), rule["alert"]


def test_objects_that_a_page_shows_are_valid(tmp_path: Path) -> None:
    for page in DEPLOYMENT:
        blocks = re.findall(r"^ *```yaml\n(.*?)^ *```$", page.read_text(), re.MULTILINE | re.DOTALL)
        for number, block in enumerate(b for b in blocks if "apiVersion:" in b and "argoproj.io" not in b):
            (tmp_path / f"{page.stem}-{number}.yaml").write_text(block)
    assert list(tmp_path.iterdir())
    assert not {Path(file).name: faults for file, verdicts in validate(tmp_path, KUBES[-1]).items()
                if (faults := faults_of(verdicts))}  # fmt: skip
