"""What Artifact Hub shows of the chart is true."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tests.chart.render import ROOT, case, objects
from tests.chart.sweep import containers


def _chart() -> dict[str, Any]:
    chart: dict[str, Any] = yaml.safe_load((ROOT / "Chart.yaml").read_text())
    return chart


def test_every_image_that_can_be_pulled_is_listed() -> None:
    scenarios = [case(values=[f"ci/{name}-values.yaml"]) for name in ("all-on", "ollama")]
    pulled = {container.spec["image"] for scenario in scenarios for container in containers(objects(scenario))}
    listed = {image["image"] for image in yaml.safe_load(_chart()["annotations"]["artifacthub.io/images"])}
    assert pulled
    assert listed == pulled


def test_a_version_before_1_is_a_prerelease() -> None:
    chart = _chart()
    assert re.fullmatch(r"\d+\.\d+\.\d+", chart["version"])
    assert (chart["annotations"]["artifacthub.io/prerelease"] == "true") == chart["version"].startswith("0.")
