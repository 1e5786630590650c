"""The release as it stands after the operator's commands: ready, quiet, and green in `helm test`."""

from __future__ import annotations

import pytest

from tests.cluster import report
from tests.cluster.kube import restarts
from tests.cluster.node import cpu_seconds
from tests.cluster.release import Release


def test_every_pod_is_ready_and_none_restarted_on_the_way(release: Release) -> None:
    pods = [pod for part in ("api", "worker", "postgres") for pod in release.pods(part)]
    assert len(pods) >= 5
    assert not {name: n for name, n in restarts(pods).items() if n}
    assert len(release.ready_pods("api")) >= 2


def test_helm_test_is_green(release: Release) -> None:
    said = release.cluster.helm("test", release.name, "--namespace", release.namespace, "--timeout=180s")
    assert said.count("Phase:          Succeeded") >= 3
    assert "Failed" not in said


def test_the_namespace_refuses_a_pod_that_is_not_restricted(release: Release) -> None:
    image = release.pods("api")[0]["spec"]["containers"][0]["image"]
    done = release.cluster.attempt("kubectl", "-n", release.namespace, "run", "loose", f"--image={image}")
    assert done.returncode != 0
    assert 'violates PodSecurity "restricted' in done.stderr


def test_the_cost_of_a_start_is_measured(release: Release) -> None:
    if not release.cluster.is_own_node:
        pytest.skip("CPU is read from the node's cgroups")
    used = {}
    for part in ("api", "worker", "postgres"):
        pod = release.pods(part)[0]
        used[part] = cpu_seconds(pod)
    report.note("CPU-seconds since the start: " + ", ".join(f"{part} {s:.1f}" for part, s in used.items()))
    assert all(0 < seconds < 60 for seconds in used.values()), used
