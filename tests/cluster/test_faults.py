"""Pods, the kubelet and the container runtime die in mid-case; the failure harness's checker judges what came of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from ci.cluster import enter
from tests.cluster import report
from tests.cluster.crowd import Crowd, at_work
from tests.cluster.kube import Failed, processes_of, until
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


def service(action: str, name: str) -> None:
    """Start, stop or kill one of the node's own processes."""
    done = subprocess.run(
        enter.whole([sys.executable, "-m", "ci.cluster.services", action, name]),
        env={**os.environ, "HOME": "/"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode:
        raise Failed(f"{action} {name}: {done.stderr}")


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
    """A process inside the pod's own limit takes all of it; the kernel chooses, the kubelet starts the container anew."""

    def exhaust() -> None:
        worker = release.ready_pods("worker")[0]
        release.cluster.attempt(
            "kubectl", "-n", release.namespace, "exec", worker, "--", "python", "-c",
            "x = []\nwhile True: x.append(bytearray(16 << 20))",
        )  # fmt: skip

    _judged(crowd, exhaust)
    killed = release.database("select 1") and report.oom_kills(release.pods("worker"))
    report.note(f"out of memory: {killed}")
    release.await_ready("worker", 2)
