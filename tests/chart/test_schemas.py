"""Every object is one that the API server of each promised Kubernetes accepts: its own OpenAPI, and the CRDs'."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.chart.render import ENVIRONMENTS, KUBES, SCENARIOS, environment, run, text, tool

#: Kinds of clouds whose schemas nobody publishes as a Go module; they are compared with no schema.
WITHOUT_SCHEMA = ("networking.gke.io", "cloud.google.com")


def _validate(folder: Path, kube: str) -> dict[str, list[dict[str, object]]]:
    """File -> the verdict on each of its objects."""
    done = run(
        "kubectl-validate",
        str(folder),
        "--output=json",
        "--version=1.30",
        f"--local-schemas={tool('kubernetes-' + kube.rsplit('.', 1)[0])}",
        f"--local-crds={tool('crds')}",
    )
    verdicts: dict[str, list[dict[str, object]]] = json.loads(done.stdout)
    return verdicts


def _faults(verdicts: Sequence[dict[str, object]]) -> list[object]:
    failed = [v for v in verdicts if v.get("status") != "Success"]
    return [v.get("message") for v in failed if not any(group in str(v) for group in WITHOUT_SCHEMA)]


@pytest.mark.parametrize("kube", KUBES)
def test_every_render_is_valid(kube: str, tmp_path: Path) -> None:
    wanted = [(e, s) for e in ENVIRONMENTS for s in (None, *SCENARIOS)]
    for env, scenario in wanted:
        (tmp_path / f"{env}-{scenario}.yaml").write_text(text(environment(env, scenario, kube=kube)))
    verdicts = _validate(tmp_path, kube)
    assert len(verdicts) == len(wanted)
    assert all(len(v) > 10 for v in verdicts.values())
    assert not {Path(file).stem: faults for file, v in verdicts.items() if (faults := _faults(v))}


def test_a_wrong_field_is_found(tmp_path: Path) -> None:
    wrong = "apiVersion: v1\nkind: Service\nmetadata: {name: wo}\nspec: {ports: [{port: eighty}], selectors: {a: b}}\n"
    (tmp_path / "wrong.yaml").write_text(wrong)
    [(_, verdicts)] = _validate(tmp_path, KUBES[0]).items()
    assert "selectors" in str(_faults(verdicts))
