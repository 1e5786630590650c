"""What one pod carries and what one case costs: the numbers of docs/howto/operate.md, measured anew in every run."""

from __future__ import annotations

import time

import pytest

from tests.cluster import report
from tests.cluster.crowd import Crowd, at_work
from tests.cluster.node import cpu_seconds
from tests.cluster.release import Release, token
from tests.cluster.requests import Stream

_SECONDS = 15.0


@pytest.fixture(autouse=True)
def _own_node(release: Release) -> None:
    if not release.cluster.is_own_node:
        pytest.skip("CPU is read from the node's cgroups, and this node is another machine's")


def _used(release: Release) -> dict[str, float]:
    """CPU-seconds so far, by component."""
    found = {}
    for part in ("api", "worker", "postgres"):
        found[part] = sum(cpu_seconds(p) for p in release.pods(part))
    return found


def test_the_cost_of_a_case_is_measured(release: Release, crowd: Crowd) -> None:
    crowd.at_once = 10
    with at_work(crowd):
        before, count, began = _used(release), crowd.finished(), time.monotonic()
        time.sleep(2 * _SECONDS)
        after, done, took = _used(release), crowd.finished() - count, time.monotonic() - began
    assert done > 5
    cost = {part: (after[part] - before[part]) / done for part in after}
    parts = ", ".join(f"{part} {seconds * 1000:.0f} ms" for part, seconds in cost.items())
    report.note(f"cases with {crowd.at_once} in flight: {done / took * 60:.0f} a minute; CPU of one case: {parts}")
    assert crowd.findings() == []


def test_one_pod_answers_dozens_of_list_requests_a_second(release: Release) -> None:
    """Of the list of cases, the page that people keep open; straight to one pod, with the cases of the test above."""
    name = release.await_ready("api", 2)[0]
    address = release.cluster.get(release.namespace, "pod", name)["status"]["podIP"]
    with Stream(f"http://{address}:8000", token("reader", ["auditor"]), clients=6, pause=0.0) as load:
        time.sleep(_SECONDS)
    rate = load.answers["200"] / load.took
    slow = sorted(load.seconds)[int(len(load.seconds) * 0.95)]
    report.note(f"one API pod: {rate:.0f} requests/s of /v1/cases, 95 % within {slow * 1000:.0f} ms")
    assert not load.failures
    assert rate > 10
