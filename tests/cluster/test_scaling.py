"""The API grows and shrinks with its load, is replaced and evicted under load, and waits while its database is away."""

from __future__ import annotations

import json
import time

import pytest

from tests.cluster import report
from tests.cluster.crowd import Crowd, at_work
from tests.cluster.kube import restarts, until
from tests.cluster.release import Release, token
from tests.cluster.requests import Stream

#: How soon the HPA may shrink again: the default of five minutes is for clouds, not for a test that waits.
_SHORT = '{"spec":{"behavior":{"scaleDown":{"stabilizationWindowSeconds":15}}}}'


def _reader() -> str:
    return token("reader", ["auditor"])


def test_pods_are_added_under_load_and_taken_away_after_it(release: Release, url: str) -> None:
    release.kubectl("patch", "hpa", f"{release.name}-api", "--type=merge", "-p", _SHORT)
    until(lambda: _has_metrics(release), "CPU of the API's pods", seconds=90)
    # starting costs CPU too, which the autoscaler takes for load
    _at_rest(release)
    began = time.monotonic()
    with Stream(url, _reader(), clients=12, pause=0.0) as load:
        release.await_ready("api", 3, seconds=150)
        grown = time.monotonic() - began
    rate = load.answers["200"] / load.took
    report.note(f"HPA 2 -> 3 ready after {grown:.0f} s at {rate:.0f} requests/s; failures {load.failures or 'none'}")
    assert not load.failures
    ended = time.monotonic()
    _at_rest(release, seconds=240)
    report.note(f"HPA back to 2 after {time.monotonic() - ended:.0f} s")


def _at_rest(release: Release, *, seconds: float = 180) -> None:
    """The autoscaler has come back to its least, and takes nothing away any more."""
    until(lambda: len(release.pods("api")) == 2, "two API pods at rest", seconds=seconds, pause=2)


def _has_metrics(release: Release) -> bool:
    found = release.cluster.get(release.namespace, "hpa", f"{release.name}-api")
    current = found["status"].get("currentMetrics") or []
    return any(m.get("resource", {}).get("name") == "cpu" and m["resource"]["current"] for m in current)


def test_a_rolling_change_under_load_loses_no_request_and_no_case(release: Release, url: str, crowd: Crowd) -> None:
    with at_work(crowd), Stream(url, _reader(), clients=4) as load:
        for part in ("api", "api-worker"):
            release.kubectl("rollout", "restart", f"deployment/{release.name}-{part}")
        release.cluster.rollout(
            release.namespace, f"deployment/{release.name}-api", f"deployment/{release.name}-api-worker"
        )
        crowd.await_more(2)
        # the last old pod still serves while load balancers notice
        until(lambda: _no_old_pods(release), "the end of the old pods", seconds=90)
    report.note(f"rolling change: {load.answers.total()} requests, {load.failures or 'no'} failures, "
                f"{crowd.finished()} cases")  # fmt: skip
    assert not load.failures
    assert not crowd.errors
    assert crowd.findings() == []


def _no_old_pods(release: Release) -> bool:
    every = release.cluster.get(release.namespace, "pods", labels="app.kubernetes.io/name=api")
    return not any("deletionTimestamp" in pod["metadata"] for pod in every)


def test_an_eviction_takes_one_pod_and_waits_for_the_next(release: Release, url: str) -> None:
    release.await_ready("api", 2)
    names = release.ready_pods("api")
    with Stream(url, _reader(), clients=2) as load:
        first, second = (_evict(release, name) for name in names[:2])
        assert "429" not in first
        assert "disruption budget" in second
        release.await_ready("api", 2)
    assert not load.failures


def _evict(release: Release, name: str) -> str:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": release.namespace}}
    path = f"/api/v1/namespaces/{release.namespace}/pods/{name}/eviction"
    done = release.cluster.attempt("kubectl", "create", "--raw", path, "-f", "-", stdin=json.dumps(body))
    return done.stdout + done.stderr


def test_pods_are_unready_and_not_restarted_while_the_database_is_away(release: Release) -> None:
    # a pod that the autoscaler takes away meanwhile would be missed as if it had been restarted
    _at_rest(release)
    before = restarts(release.pods("api") + release.pods("worker"))
    release.kubectl("scale", f"statefulset/{release.name}-checkpoints", "--replicas=0")
    try:
        until(lambda: not release.ready_pods("api"), "unready API pods", seconds=60)
        until(lambda: not release.ready_pods("worker"), "unready workers", seconds=60)
        # longer than a liveness probe's whole patience
        time.sleep(65)
        after = restarts(release.pods("api") + release.pods("worker"))
    finally:
        release.kubectl("scale", f"statefulset/{release.name}-checkpoints", "--replicas=1")
    began = time.monotonic()
    release.await_ready("api", 2)
    release.await_ready("worker", 2)
    report.note(f"database back to all ready: {time.monotonic() - began:.0f} s")
    assert after == before


@pytest.fixture(autouse=True)
def _healthy(release: Release) -> None:
    release.await_ready("postgres")
    release.await_ready("api", 2)
    release.await_ready("worker", 2)
