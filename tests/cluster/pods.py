"""Pods that a test puts beside the platform's: each passes Pod Security `restricted` and runs the platform's image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.cluster.kube import Cluster, Object, ready, until
from tests.cluster.release import version

IMAGE = f"workflow-orchestration/fastapi:{version()}"
_SECURITY = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
_SLEEP = "import signal; signal.pause()"


def pod(
    name: str,
    namespace: str,
    *,
    labels: Mapping[str, str] | None = None,
    command: Sequence[str] = ("python", "-c", _SLEEP),
    **container: Any,
) -> Object:
    """One container; `container` adds to it. A probe that never passes keeps it out of every Service."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels or {})},
        "spec": {
            "enableServiceLinks": False,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "restartPolicy": "Never",
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "main",
                    "image": IMAGE,
                    "imagePullPolicy": "IfNotPresent",
                    "command": list(command),
                    "securityContext": _SECURITY,
                    "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}, "limits": {"memory": "256Mi"}},
                    **container,
                }
            ],
        },
    }


def start(cluster: Cluster, *wanted: Object, seconds: float = 60) -> None:
    """Apply them and wait until all run."""
    cluster.apply(*wanted)
    for thing in wanted:
        where, name = thing["metadata"]["namespace"], thing["metadata"]["name"]
        until(lambda w=where, n=name: _runs(cluster.get(w, "pod", n)), f"pod {where}/{name}", seconds=seconds)  # type: ignore[misc]


def _runs(found: Object) -> bool:
    return found["status"].get("phase") == "Running" and (ready(found) or bool(found["status"].get("podIP")))


def outcome(cluster: Cluster, namespace: str, name: str, *, seconds: float) -> str:
    """What a pod that ends says; an AssertionError when it fails."""

    def phase() -> str | None:
        found = cluster.get(namespace, "pod", name)["status"].get("phase")
        return found if found in ("Succeeded", "Failed") else None

    ended = until(phase, f"the end of pod {name}", seconds=seconds)
    said = cluster.kubectl("-n", namespace, "logs", name)
    assert ended == "Succeeded", said
    return said
