"""Without Helm: the rendered objects applied by the server, twice. The second time nothing may change."""

from __future__ import annotations

import pytest

from tests.cluster import objects
from tests.cluster.release import Release


@pytest.fixture(scope="module")
def rendered(release: Release) -> str:
    release.kubectl("delete", "namespace", release.namespace, "--ignore-not-found", "--wait", seconds=180)
    release.prepare()
    return objects.rendered(release)


def test_what_is_rendered_comes_up_without_helm(release: Release, rendered: str) -> None:
    objects.apply(release, rendered)
    for part, count in (("postgres", 1), ("api", 2), ("worker", 2)):
        release.await_ready(part, count, seconds=180)


def test_a_second_apply_changes_nothing(release: Release, rendered: str) -> None:
    before = objects.state(release)
    pods = {pod["metadata"]["uid"] for part in ("api", "worker", "postgres") for pod in release.pods(part)}
    objects.apply(release, rendered)
    assert objects.state(release) == before
    assert objects.difference(release, rendered) == ""
    assert {p["metadata"]["uid"] for part in ("api", "worker", "postgres") for p in release.pods(part)} == pods
