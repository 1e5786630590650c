"""What a run says of itself: numbers that it measured, and, when a test failed, the cluster as it was."""

from __future__ import annotations

import json
import os
from typing import Any

from tests.cluster.kube import Cluster, ready

_NOTES: list[str] = []
_LINES = 40


def note(line: str) -> None:
    """A measured number, printed at the end of the run."""
    _NOTES.append(line)


def notes() -> list[str]:
    return list(_NOTES)


def inside(process: int) -> bool:
    """Whether this process is in the network of that one."""
    return os.readlink("/proc/self/ns/net") == os.readlink(f"/proc/{process}/ns/net")


def cluster_state(cluster: Cluster) -> str:
    """Pods, events, and of each pod that is not ready its description and its logs."""
    parts = [_say(cluster, "get", "pods", "-A", "-o", "wide"),
             _say(cluster, "get", "events", "-A", "--sort-by=.lastTimestamp")]  # fmt: skip
    try:
        pods = json.loads(cluster.kubectl("get", "pods", "-A", "-o", "json"))["items"]
    except AssertionError as error:
        return "\n".join([*parts, str(error)])
    for pod in pods:
        if not ready(pod) and pod["status"].get("phase") != "Succeeded":
            parts += _of_pod(cluster, pod)
    return "\n".join(parts)


def _of_pod(cluster: Cluster, pod: dict[str, Any]) -> list[str]:
    where = ("-n", pod["metadata"]["namespace"])
    name = pod["metadata"]["name"]
    return [_say(cluster, *where, "describe", "pod", name),
            _say(cluster, *where, "logs", name, "--all-containers", f"--tail={_LINES}"),
            _say(cluster, *where, "logs", name, "--all-containers", "--previous", f"--tail={_LINES}")]  # fmt: skip


def _say(cluster: Cluster, *words: str) -> str:
    try:
        said = cluster.kubectl(*words)
    except AssertionError as error:
        said = str(error)
    return f"$ kubectl {' '.join(words)}\n" + "\n".join(said.splitlines()[-_LINES * 2 :])
