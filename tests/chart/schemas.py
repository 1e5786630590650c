"""Kubernetes' own verdict on objects, from its OpenAPI and the CRDs' schemas, without a cluster."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.chart.render import run, tool

#: Kinds of clouds whose schemas nobody publishes as a Go module; they are compared with no schema.
WITHOUT_SCHEMA = ("networking.gke.io", "cloud.google.com")


def validate(folder: Path, kube: str) -> dict[str, list[dict[str, object]]]:
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


def faults_of(verdicts: Sequence[dict[str, object]]) -> list[object]:
    failed = [v for v in verdicts if v.get("status") != "Success"]
    return [v.get("message") for v in failed if not any(group in str(v) for group in WITHOUT_SCHEMA)]
