"""values.yaml, values.schema.json, the templates and the reference pages say the same."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.render import ROOT, Object, case, refusal, run

CHARTS = {".": ROOT, **{p.name: p for p in sorted((ROOT / "charts").iterdir()) if p.is_dir()}}
SUBCHARTS = [name for name in CHARTS if name != "."]
#: What Helm or the parent adds to a subchart's values.
ADDED = {"enabled", "global"}
LEAVES = 125
#: Of the values of a subchart; the parent's name above them makes one more.
DEPTH = 4
TOP_KEYS = {"airflow": 35}  # the official chart's names, which are flat; its users know them
OTHER_TOP_KEYS = 25
#: Objects of Kubernetes that are handed on whole: any of their fields may be set.
HANDED_ON = ("podSecurityContext", "containerSecurityContext", "securityContexts.pod", "securityContexts.containers")
#: Fields of such objects that the schema knows and the defaults leave out.
LEFT_OUT = {"strategy.rollingUpdate"}

every_chart = pytest.mark.parametrize("chart", CHARTS)
every_subchart = pytest.mark.parametrize("chart", SUBCHARTS)


def _values(chart: str) -> Object:
    values: Object = yaml.safe_load((CHARTS[chart] / "values.yaml").read_text())
    return values


def _schema(chart: str) -> Object:
    schema: Object = json.loads((CHARTS[chart] / "values.schema.json").read_text())
    return schema


def _leaves(values: Object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _resolve(schema: Object, node: Object) -> Object:
    while "$ref" in node:
        ref = node["$ref"]
        assert ref.startswith("#/"), f"{ref}: a remote schema would be fetched at every render"
        node = schema
        for step in ref[2:].split("/"):
            node = node[step]
    return node


def _described(schema: Object, path: tuple[str, ...]) -> Object | None:
    """The schema of a value; a map that takes any key describes all below it."""
    node = _resolve(schema, schema)
    for key in path:
        properties = node.get("properties", {})
        if key in properties:
            node = _resolve(schema, properties[key])
        elif node.get("additionalProperties", True) is not False and node is not schema:
            return node
        else:
            return None
    return node


@every_chart
def test_every_value_is_in_the_schema(chart: str) -> None:
    schema = _schema(chart)
    missing = [".".join(path) for path, _ in _leaves(_values(chart)) if _described(schema, path) is None]
    assert not missing


@every_chart
def test_every_property_of_the_schema_is_a_value(chart: str) -> None:
    schema, values = _schema(chart), _values(chart)

    def extra(node: Object, there: object, path: str) -> Iterator[str]:
        for key, child in node.get("properties", {}).items():
            if not isinstance(there, dict) or key not in there:
                if not (path == "" and key in ADDED | set(SUBCHARTS)):
                    yield f"{path}{key}"
                continue
            yield from extra(_resolve(schema, child), there[key], f"{path}{key}.")

    assert not set(extra(schema, values, "")) - LEFT_OUT


@every_chart
def test_the_schema_is_closed_at_every_level(chart: str) -> None:
    schema = _schema(chart)

    def open_ones(node: Object, path: str) -> Iterator[str]:
        if node.get("properties") and node.get("additionalProperties") is not False:
            yield path or "(root)"
        for key, child in node.get("properties", {}).items():
            yield from open_ones(_resolve(schema, child), f"{path}.{key}".lstrip("."))

    checked_by_themselves = SUBCHARTS if chart == "." else []
    found = {path for path in open_ones(schema, "") if chart == "." or not path.startswith("global")}
    assert not found - {*HANDED_ON, *checked_by_themselves}


@every_chart
def test_every_leaf_has_a_type(chart: str) -> None:
    schema = _schema(chart)
    found = [(path, _described(schema, path)) for path, _ in _leaves(_values(chart))]
    assert found
    typed = ("type", "enum", "const", "oneOf", "anyOf")
    assert not [".".join(path) for path, node in found if node is not None and not any(key in node for key in typed)]


@every_subchart
def test_a_misspelt_key_is_refused(chart: str) -> None:
    key = next(key for key in _values(chart) if key != "global")
    said = refusal(case(values=["values/minikube.yaml"], sets={f"{chart}.enabled": True, f"{chart}.{key}x": 1}))
    assert f"{key}x" in said
    assert "dditional propert" in said


@every_subchart
def test_a_wrong_type_is_refused(chart: str) -> None:
    schema = _schema(chart)
    numbers = [
        path
        for path, _ in _leaves(_values(chart))
        if (_described(schema, path) or {}).get("type") == "integer" and path[0] != "global"
    ]
    path = ".".join(numbers[0])
    said = refusal(case(values=["values/minikube.yaml"], sets={f"{chart}.enabled": True, f"{chart}.{path}": "three"}))
    assert numbers[0][-1] in said
    assert "want integer" in said or "Invalid type" in said


@every_chart
def test_every_value_is_documented_where_it_lives(chart: str) -> None:
    documented = _documented((CHARTS[chart] / "values.yaml").read_text())
    assert documented
    paths = [path for path, _ in _leaves(_values(chart))]
    bare = [".".join(p) for p in paths if not any(p[:n] in documented for n in range(1, len(p) + 1))]
    assert not bare


def _documented(text: str) -> set[tuple[str, ...]]:
    """Paths of keys with a `# -- ` comment straight above."""
    found, path, commented = set(), [("", -1)], False
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            commented = commented or line.lstrip().startswith("# -- ")
            continue
        if key := re.match(r"( *)([\w.-]+):", line):
            indent = len(key[1])
            path = [*[(k, i) for k, i in path if i < indent], (key[2], indent)]
            if commented:
                found.add(tuple(k for k, _ in path[1:]))
        commented = False
    return found


@every_subchart
def test_a_subchart_has_few_values(chart: str) -> None:
    own = {key: value for key, value in _values(chart).items() if key != "global"}
    leaves = list(_leaves(own))
    assert 0 < len(leaves) <= LEAVES
    assert len(own) <= TOP_KEYS.get(chart, OTHER_TOP_KEYS)
    assert max(len(path) for path, _ in leaves) <= DEPTH + 1


@every_subchart
def test_every_value_is_read_by_a_template(chart: str) -> None:
    folder = CHARTS[chart] / "templates"
    text = "\n".join(p.read_text() for p in folder.rglob("*") if p.is_file())
    assert not [".".join(path) for path, _ in _leaves(_values(chart)) if not _read(path, text)]


def _read(path: tuple[str, ...], text: str) -> bool:
    """Named in full, or a map above it is handed on whole (toYaml, with, range, a variable)."""
    values = r"(?:\.Values|\$v)\."
    if re.search(values + re.escape(".".join(path)) + r"(?!\w)", text):
        return True
    for n in range(len(path) - 1, 0, -1):
        if re.search(values + re.escape(".".join(path[:n])) + r"(?![\w.])", text):
            return True
    # index $root.Values.secrets (index . 2)
    return path[0] in re.findall(r"index \$?\w*\.Values\.(\w+)", text)


def test_the_parent_repeats_every_global_of_its_subcharts() -> None:
    own = {path for path, _ in _leaves(_values(".")["global"])}
    assert own
    for chart in SUBCHARTS:
        assert {path for path, _ in _leaves(_values(chart).get("global", {}))} <= own, chart


def test_subcharts_agree_on_the_defaults_of_globals() -> None:
    parent = dict(_leaves(_values(".")["global"]))
    differing = {
        ".".join(path)
        for chart in SUBCHARTS
        for path, value in _leaves(_values(chart).get("global", {}))
        if parent[path] != value
    }
    # alone, the api chart has no model beside it
    assert differing <= {"llm.provider"}


def test_the_reference_of_values_is_fresh(tmp_path: Path) -> None:
    for name in ("Chart.yaml", "values.yaml", "charts", "ci/chart"):
        source = ROOT / name
        copy: Any = shutil.copytree if source.is_dir() else shutil.copy
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy(source, tmp_path / name)
    pages = ["docs/reference/values.md", *(f"charts/{chart}/README.md" for chart in SUBCHARTS)]
    subprocess.run(["sh", "ci/chart/docs.sh", str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    assert not [p for p in pages if (tmp_path / p).read_text() != _there(ROOT / p)], "run `make fix` and commit"


def _there(page: Path) -> str:
    return page.read_text() if page.exists() else ""


def test_locked_dependencies_are_those_of_the_chart() -> None:
    done = run("helm", "dependency", "list", ".")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()[1:] if line.strip()]
    assert {line[0]: line[-1] for line in lines} == dict.fromkeys(SUBCHARTS, "unpacked")


def test_globals_are_few() -> None:
    # each is a promise of every subchart
    assert set(_values(".")["global"]) == {"imageRegistry", "imagePullSecrets", "secretName", "database", "llm"}


def test_no_default_is_removed_by_null() -> None:
    # under Helm 4 a parent's null does not remove a subchart's default
    files = [CHARTS["."] / "values.yaml", *(ROOT / "values").glob("*.yaml")]
    empty = [(p.name, ".".join(path)) for p in files for path, v in _leaves(yaml.safe_load(p.read_text())) if v is None]
    assert not empty
