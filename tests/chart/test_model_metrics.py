"""Dashboard, alerts and autoscaling of the model server watch only metrics that a real vLLM was seen to expose."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from ci.models import metrics, vllm
from tests.chart.render import ROOT, environment, objects, of_kind

#: What Prometheus itself adds when it scrapes.
SCRAPED = {"namespace", "service", "pod", "le"}


def _queries() -> Iterator[str]:
    rendered = objects(environment("gke", "all-on"))
    for rule in of_kind(rendered, "PrometheusRule"):
        yield from (r["expr"] for group in rule["spec"]["groups"] for r in group["rules"])
    for scaled in of_kind(rendered, "ScaledObject"):
        yield from (t["metadata"]["query"] for t in scaled["spec"]["triggers"] if "query" in t["metadata"])
    for map_ in of_kind(rendered, "ConfigMap"):
        for name, text in map_.get("data", {}).items():
            panels = json.loads(text)["panels"] if name.endswith("vllm-dashboard.json") else []
            yield from (target["expr"] for panel in panels for target in panel.get("targets", []))


def test_every_metric_and_label_that_is_watched_is_exposed() -> None:
    captured, watched = metrics.captured(), set()
    for query in _queries():
        names = re.findall(r"vllm:\w+", query)
        labels = set(re.findall(r"[{,]\s*(\w+)=", query))
        labels |= {label for by in re.findall(r"by \(([^)]*)\)", query) for label in re.split(r",\s*", by)}
        for name in names:
            assert name in captured, f"{name} is in no answer of a real server: {query}"
            assert labels <= captured[name] | SCRAPED, f"{name} has no {labels - captured[name] - SCRAPED}: {query}"
        watched |= set(names)
    assert len(watched) >= 10


def test_the_capture_is_of_the_version_that_the_chart_runs() -> None:
    tag = re.search(r"repository: vllm/vllm-openai\n.*\n\s+tag: v(\S+)", (ROOT / "charts/vllm/values.yaml").read_text())
    assert tag
    assert tag[1] == vllm.VERSION
    assert metrics.CAPTURED.read_text().startswith(f"# vLLM {vllm.VERSION}, ")
