"""Pods, the kubelet and the container runtime die in mid-case; the failure harness's checker judges what came of it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from tests.cluster import report
from tests.cluster.crowd import Crowd, at_work
from tests.cluster.kube import until
from tests.cluster.node import processes_of, service, squeeze
from tests.cluster.release import Release, token
from tests.cluster.requests import Stream

#: A worker's items are another's after its lease of 10 s and a look at the queue.
_TAKEOVER_SECONDS = 15.0


@pytest.fixture(autouse=True)
def _healthy(release: Release) -> None:
    if not release.cluster.is_own_node:
        pytest.skip("processes are killed on the node, and this node is another machine's")
    for part, count in (("postgres", 1), ("api", 2), ("worker", 2)):
        release.await_ready(part, count)


def kill(release: Release, component: str) -> str:
    """SIGKILL to every process of one pod, as the kernel sends it; the kubelet finds out by itself."""
    pod = release.pods(component)[0]
    for process in processes_of(pod):
        os.kill(process, signal.SIGKILL)
    return str(pod["metadata"]["name"])


def _judged(crowd: Crowd, fault: Callable[[], object]) -> None:
    with at_work(crowd):
        fault()
        crowd.await_more(3)
    assert crowd.findings() == []


@pytest.mark.parametrize("component", ["api", "worker", "postgres"])
def test_a_killed_pod_costs_no_case_and_doubles_no_effect(release: Release, crowd: Crowd, component: str) -> None:
    _judged(crowd, lambda: kill(release, component))
    release.await_ready(component, 2 if component != "postgres" else 1)


def test_another_worker_takes_over_within_its_lease(release: Release, crowd: Crowd) -> None:
    """Measured on the queue's own rows: an item that the dead one held runs again."""
    crowd.at_once = 12
    with at_work(crowd):
        held = until(lambda: _held(release), "an item that a worker holds", seconds=60, pause=0.05)
        name, items = held
        victim = next(p for p in release.pods("worker") if p["metadata"]["name"] == name)
        for process in processes_of(victim):
            os.kill(process, signal.SIGKILL)
        began = time.monotonic()
        until(lambda: not _still(release, items), "an end of what the dead worker held", seconds=40, pause=0.2)
        took = time.monotonic() - began
        crowd.await_more(3)
    report.note(f"takeover after a worker's SIGKILL: {took:.1f} s")
    assert took <= _TAKEOVER_SECONDS
    assert crowd.findings() == []


def _held(release: Release) -> tuple[str, list[tuple[str, str]]] | None:
    rows = release.database("select worker, id, epoch from work_items where status = 'running'")
    by_worker: dict[str, list[tuple[str, str]]] = {}
    for worker, item, epoch in rows:
        by_worker.setdefault(worker.split(":")[0], []).append((item, epoch))
    return next(iter(by_worker.items()), None)


def _still(release: Release, items: list[tuple[str, str]]) -> list[str]:
    """Of these items, those still held at the dead worker's epoch."""
    listed = ", ".join(f"('{item}'::uuid, {epoch})" for item, epoch in items)
    rows = release.database(f"select id from work_items where status = 'running' and (id, epoch) in ({listed})")
    return [row[0] for row in rows]


@pytest.mark.parametrize("name", ["kubelet", "containerd"])
def test_pods_live_on_while_the_node_has_no(release: Release, url: str, crowd: Crowd, name: str) -> None:
    def without() -> None:
        service("stop", name)
        time.sleep(8)
        service("start", name)

    with Stream(url, token("reader", ["auditor"]), clients=2) as load:
        _judged(crowd, without)
    until(lambda: b" Ready" in release.cluster.kubectl("get", "nodes").encode(), "the node", seconds=60)
    assert not load.failures


def test_a_worker_that_runs_out_of_memory_costs_no_case(release: Release, crowd: Crowd) -> None:
    """Its limit shrinks to what it holds, so the kernel kills the worker itself and not some helper beside it."""
    pod = release.pods("worker")[0]
    name = pod["metadata"]["name"]

    def exhaust() -> None:
        processes = processes_of(pod)
        until(lambda: squeeze(processes[0]), f"an out-of-memory kill in {name}", seconds=60, pause=0.05)
        until(lambda: _last_reason(release, name) == "OOMKilled", f"OOMKilled as {name}'s last state", seconds=30)

    _judged(crowd, exhaust)
    release.await_ready("worker", 2)


def _last_reason(release: Release, name: str) -> str:
    status = release.cluster.get(release.namespace, "pod", name)["status"]["containerStatuses"][0]
    ended = status["lastState"].get("terminated") or status["state"].get("terminated") or {}
    return str(ended.get("reason", ""))
