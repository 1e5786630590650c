"""One cluster and one release for all tests here; each leaves the release healthy. `make e2e` runs them in order."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ci.cluster import enter
from ci.cluster.parts import ClusterError
from tests.cluster import report
from tests.cluster.crowd import Crowd
from tests.cluster.kube import Cluster, until
from tests.cluster.release import NAMESPACE, Release, token

_NUMBERS = iter(range(0, 1_000_000, 2_000))


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    if not os.environ.get("E2E_CONTEXT"):
        try:
            process = enter.first_process()
        except ClusterError as error:
            pytest.skip(str(error))
        if not report.inside(process):
            pytest.exit("these tests run in the node's network: use `make e2e`, or name a cluster with E2E_CONTEXT", 2)
    return Cluster()


@pytest.fixture(scope="session")
def release(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Installed once; an earlier run's is removed first."""
    found = Release(cluster, tmp_path_factory.mktemp("release"))
    cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait", seconds=180)
    found.prepare()
    found.install()
    report.note(f"install to all ready: {found.seconds:.1f} s")
    return found


@pytest.fixture(scope="session")
def url(release: Release) -> str:
    """The load balancer's address, as a client outside has it; the sample book is loaded as the how-to says."""
    found = address(release)
    release.cluster.run(
        "wo", "book", "load", "src/workflow_orchestration/sample/book.json",
        env={"API_URL": found, "API_TOKEN": token("anna", ["operator"])},
    )  # fmt: skip
    return found


def address(release: Release) -> str:
    service = f"{release.name}-api"

    def look() -> str | None:
        found = release.cluster.get(release.namespace, "service", service)
        given = found["status"]["loadBalancer"].get("ingress")
        return f"http://{given[0]['ip']}:{found['spec']['ports'][0]['port']}" if given else None

    found = until(look, f"an address of {service}", seconds=30)
    until(lambda: _answers(found), f"{found}/ready", seconds=60)
    return found


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def crowd(release: Release, url: str) -> Crowd:
    """Desks and people, with numbers that no other test's have."""
    if not release.cluster.is_own_node:
        pytest.skip("the receiver's folder is read on the node, and this node is another machine's")
    return Crowd(url, outbox(release), first=next(_NUMBERS))


def outbox(release: Release) -> Path:
    """The receiver's folder: in the volume of the claim that all workers share."""
    claim = release.cluster.get(release.namespace, "pvc", f"{release.name}-api-worker-state")
    volume = release.cluster.get("", "pv", claim["spec"]["volumeName"])
    return Path(volume["spec"]["local"]["path"]) / "outbox"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """A failure shows the cluster as it was: pods, events, and what is not ready, in its own words."""
    outcome = yield
    result = outcome.get_result()
    if result.failed and result.when in ("setup", "call"):
        result.sections.append(("the cluster", report.cluster_state(Cluster())))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for line in report.notes():
        terminalreporter.write_line(f"measured: {line}")
