"""Every object is one that the API server of each promised Kubernetes accepts: its own OpenAPI, and the CRDs'."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chart.render import ENVIRONMENTS, KUBES, SCENARIOS, environment, text
from tests.chart.schemas import faults_of, validate


@pytest.mark.parametrize("kube", KUBES)
def test_every_render_is_valid(kube: str, tmp_path: Path) -> None:
    wanted = [(e, s) for e in ENVIRONMENTS for s in (None, *SCENARIOS)]
    for env, scenario in wanted:
        (tmp_path / f"{env}-{scenario}.yaml").write_text(text(environment(env, scenario, kube=kube)))
    verdicts = validate(tmp_path, kube)
    assert len(verdicts) == len(wanted)
    assert all(len(v) > 10 for v in verdicts.values())
    assert not {Path(file).stem: faults for file, v in verdicts.items() if (faults := faults_of(v))}


def test_a_wrong_field_is_found(tmp_path: Path) -> None:
    wrong = "apiVersion: v1\nkind: Service\nmetadata: {name: wo}\nspec: {ports: [{port: eighty}], selectors: {a: b}}\n"
    (tmp_path / "wrong.yaml").write_text(wrong)
    [(_, verdicts)] = validate(tmp_path, KUBES[0]).items()
    assert "selectors" in str(faults_of(verdicts))
