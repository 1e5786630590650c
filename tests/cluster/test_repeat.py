"""Without Helm: the rendered objects applied by the server, twice. The second time nothing may change."""

from __future__ import annotations

import pytest

from tests.cluster.kube import Object
from tests.cluster.release import Release

_KINDS = (
    "deployments,statefulsets,services,configmaps,jobs,cronjobs,networkpolicies,ingresses,hpa,pdb,pvc,serviceaccounts"
)


@pytest.fixture(scope="module")
def rendered(release: Release) -> str:
    release.kubectl("delete", "namespace", release.namespace, "--ignore-not-found", "--wait", seconds=180)
    release.prepare()
    values = [f"--values={file}" for file in release.values]
    hooks = ["--no-hooks", "--skip-tests"]
    return release.cluster.helm("template", release.name, ".", "--namespace", release.namespace, *values, *hooks)


def _apply(release: Release, rendered: str) -> None:
    release.kubectl("apply", "--server-side", "-f", "-", stdin=rendered)


def _state(release: Release) -> dict[str, tuple[str, object, object]]:
    """Of each object what a change would touch; its status may move by itself."""
    return {_name(thing): _essence(thing) for thing in release.cluster.get(release.namespace, _KINDS)}


def _name(thing: Object) -> str:
    return f"{thing['kind']}/{thing['metadata']['name']}"


def _essence(thing: Object) -> tuple[str, object, object]:
    meta = thing["metadata"]
    content = thing.get("data") if thing["kind"] == "ConfigMap" else meta.get("generation")
    return (
        meta["uid"],
        content,
        (meta.get("labels"), meta.get("annotations") if thing["kind"] != "Deployment" else None),
    )


def test_what_is_rendered_comes_up_without_helm(release: Release, rendered: str) -> None:
    _apply(release, rendered)
    for part, count in (("postgres", 1), ("api", 2), ("worker", 2)):
        release.await_ready(part, count, seconds=180)


def test_a_second_apply_changes_nothing(release: Release, rendered: str) -> None:
    before = _state(release)
    pods = {pod["metadata"]["uid"] for part in ("api", "worker", "postgres") for pod in release.pods(part)}
    _apply(release, rendered)
    assert _state(release) == before
    done = release.cluster.attempt(
        "kubectl", "-n", release.namespace, "diff", "--server-side", "-f", "-", stdin=rendered
    )
    assert done.returncode == 0, done.stdout
    assert {p["metadata"]["uid"] for part in ("api", "worker", "postgres") for p in release.pods(part)} == pods
