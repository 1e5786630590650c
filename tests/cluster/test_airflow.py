"""Airflow on KubernetesExecutor beside the platform, under `restricted` and default-deny, and what it survives."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from tests.cluster import airflow, objects, report
from tests.cluster.airflow import CASE, PARTS, Site
from tests.cluster.kube import Cluster, ready, restarts, until
from tests.cluster.node import processes_of
from tests.cluster.people import ANN, SUE

#: Seconds that a sweep of an empty book may take, its two pods included.
_SWEEP_SECONDS = 60.0
#: Seconds that the database is away, and within which all is well again.
_OUTAGE_SECONDS, _RECOVERY_SECONDS = 30.0, 300.0


@pytest.fixture(scope="module")
def site(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    release = airflow.prepare(cluster, tmp_path_factory.mktemp("airflow"), "wo-airflow")
    release.install(seconds=300)
    report.note(f"Airflow beside the platform: install to all ready {release.seconds:.1f} s")
    yield airflow.site(release)
    airflow.remove(release)


@pytest.fixture(scope="module")
def book(site: Site) -> None:
    """Accounts, contacts and the rest, which a canary's case needs."""
    site.people.load_book()


def test_every_part_is_ready_and_none_restarted_on_the_way(site: Site) -> None:
    found = [pod for part in PARTS for pod in site.pods("airflow", part)]
    assert len(found) == len(PARTS)
    assert all(ready(pod) for pod in found)
    assert not {name: n for name, n in restarts([*site.long_running().values()]).items() if n}


def test_a_sweep_of_an_empty_book_is_soon_done(site: Site) -> None:
    """The market's calendar alone is known; the run is two pods of a task, and a case of the platform between them."""
    site.people.load_book("market")
    dag, run = "unsettled_sweep_xetr_morning", "empty-book"
    site.rest.trigger(dag, run, day="2026-11-24")
    site.rest.unpause(dag)
    site.rest.until_run(dag, run, "success", seconds=240)
    took = _seconds_of(site, dag, run)
    report.note(f"sweep of an empty book, a pod for each task: {took:.1f} s")
    assert took < _SWEEP_SECONDS


def _seconds_of(site: Site, dag: str, run: str) -> float:
    found = site.rest.call("GET", f"/dags/{dag}/dagRuns/{run}")
    began, ended = (datetime.fromisoformat(found[name]) for name in ("start_date", "end_date"))
    return (ended - began).total_seconds()


def test_helm_s_canary_opens_a_case_that_two_people_decide(site: Site, book: None) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        tested = pool.submit(site.helm_test)
        [case] = until(lambda: site.people.with_key("canary/canary-"), "the canary's case", seconds=180, pause=1)
        logs = ["logs", f"pod/{site.release.name}-airflow-test-canary"]
        until(lambda: f"/cases/{case['id']}" in site.release.kubectl(*logs), "its page in the canary's log", seconds=30)
        case = _decided(site, case["key"])
        said = tested.result(timeout=330)
    report.note(f"`helm test` with its canary: {time.monotonic() - began:.1f} s")
    assert "Failed" not in said
    assert case["status"] == "resolved"
    [(who,)] = site.release.database(f"select requester from cases where id = '{case['id']}'")
    assert who.endswith(f"system:serviceaccount:{site.release.namespace}:wo-airflow-worker")


def _decided(site: Site, key: str) -> dict[str, Any]:
    """The open case of this key, once two people have approved its chaser and it has left."""
    [case] = until(lambda: site.people.with_key(key), f"an open case {key}", seconds=180, pause=1)
    site.people.approve(case["id"], ANN, SUE)
    site.people.until_delivered(case["id"], 1)
    return until(
        lambda: found if (found := site.people.case(case["id"]))["status"] != "open" else None,
        f"the end of {case['key']}",
        seconds=60,
    )


def _canary(site: Site, run: str) -> None:
    """One run, decided by two people; it must end well."""
    site.rest.trigger("canary", run, **CASE)
    _decided(site, f"canary/{run}")
    site.rest.until_run("canary", run, "success", seconds=120)


def test_a_tasks_pod_holds_no_secret_but_the_token_that_the_platform_knows_it_by(site: Site, book: None) -> None:
    if not site.release.cluster.is_own_node:
        pytest.skip("processes are looked at on the node, and this node is another machine's")
    run = "looked-into"
    site.rest.trigger("canary", run)
    environments, mounts, pods = set(), set(), {}

    def deferred() -> bool:
        for look in airflow.looks_inside(site.tasks(run)):
            environments.add(look["environment"])
            # /var/run is a link
            mounts.update(path for path in look["mounts"] if path.startswith(("/run/secrets", "/var/run/secrets")))
            pods[look["pod"]["metadata"]["name"]] = look["pod"]["spec"]
        return site.rest.task("canary", run, "case")["state"] == "deferred"

    until(deferred, "the task deferred", seconds=120, pause=0.1)
    # a process that gave itself a title has wiped what it was started with; it was looked at before that
    assert any("AIRFLOW__CORE__EXECUTOR=" in environment for environment in environments)
    assert {path.removeprefix("/var") for path in mounts} == {"/run/secrets/platform"}
    secrets = {key: value for key, value in site.secrets().items() if len(value) >= 8}
    assert len(secrets) > 8
    assert {key for key, value in secrets.items() if any(value in found for found in environments)} == set()
    for spec in pods.values():
        assert {key for key, value in secrets.items() if value in str(spec)} == set()
        assert "secretKeyRef" not in str(spec)
        assert not spec["automountServiceAccountToken"]
    [case] = site.people.with_key(f"canary/{run}")
    site.people.complete_task(case["id"])
    site.rest.until_run("canary", run, "success", seconds=120)


def test_a_scheduler_that_is_killed_in_mid_run_changes_nothing(site: Site, book: None) -> None:
    if not site.release.cluster.is_own_node:
        pytest.skip("processes are killed on the node, and this node is another machine's")
    run = "scheduler-killed"
    site.rest.trigger("canary", run, **CASE)
    until(lambda: [p for pod in site.tasks(run) for p in processes_of(pod)], "the task's process", seconds=90)
    [scheduler] = site.pods("airflow", "scheduler")
    before = restarts([scheduler])
    for process in processes_of(scheduler):
        os.kill(process, signal.SIGKILL)
    case = _decided(site, f"canary/{run}")
    site.rest.until_run("canary", run, "success", seconds=180)
    assert site.rest.task("canary", run, "case")["try_number"] == 1
    assert [t["n"] for t in case["threads"]] == [1]
    assert case["id"] == site.rest.xcom("canary", run, "case")
    [scheduler] = site.pods("airflow", "scheduler")
    assert sum(restarts([scheduler]).values()) == sum(before.values()) + 1


def test_half_a_minute_without_a_database_ends_by_itself(site: Site, book: None) -> None:
    platform = [pod for part in ("api", "worker") for pod in site.pods("api", part)]
    before = restarts(platform)
    database = f"statefulset/{site.release.name}-checkpoints"
    site.release.kubectl("scale", database, "--replicas=0")
    until(lambda: not site.pods("checkpoints", "postgres"), "the end of PostgreSQL", seconds=60)
    time.sleep(_OUTAGE_SECONDS)
    site.release.kubectl("scale", database, "--replicas=1")
    began = time.monotonic()
    until(site.all_ready, "every pod ready", seconds=_RECOVERY_SECONDS, pause=1)
    again = time.monotonic() - began
    _canary(site, "after-the-outage")
    took = time.monotonic() - began
    airflows = {part: sum(restarts(site.pods("airflow", part)).values()) for part in PARTS}
    report.note(f"PostgreSQL away for {_OUTAGE_SECONDS:g} s: all ready {again:.1f} s after it is back, a canary "
                f"decided after {took:.1f} s; restarts {airflows}")  # fmt: skip
    assert took < _RECOVERY_SECONDS
    assert restarts([pod for part in ("api", "worker") for pod in site.pods("api", part)]) == before


def test_an_upgrade_to_the_same_rolls_no_pod_and_leaves_every_secret(site: Site) -> None:
    pods, secrets = {*site.long_running()}, site.secrets()
    site.release.upgrade()
    assert {*site.long_running()} == pods
    assert site.secrets() == secrets


def test_an_upgrade_of_airflow_s_settings_converges(site: Site) -> None:
    schedulers, secrets = [pod["metadata"]["name"] for pod in site.pods("airflow", "scheduler")], site.secrets()
    site.release.upgrade("--set", "airflow.config.core.parallelism=5", seconds=300)
    until(site.all_ready, "every pod ready", seconds=60)
    assert [p["metadata"]["name"] for p in site.pods("airflow", "scheduler")] != schedulers
    assert site.secrets() == secrets


def test_without_helm_it_comes_up_too_and_a_second_apply_changes_nothing(site: Site) -> None:
    release = site.release
    airflow.remove(release)
    release.prepare()
    manifest = objects.rendered(release)
    objects.apply(release, manifest)
    until(site.all_ready, "every pod ready", seconds=240, pause=1)
    _jobs_done(site)
    before, pods, secrets = objects.state(release), {*site.long_running()}, site.secrets()
    objects.apply(release, manifest)
    assert objects.state(release) == before
    assert objects.difference(release, manifest) == ""
    assert ({*site.long_running()}, site.secrets()) == (pods, secrets)


def _jobs_done(site: Site) -> None:
    """A Job that still ends would be told from one that was changed by nothing else."""
    until(
        lambda: all(j["status"].get("succeeded") for j in site.release.cluster.get(site.release.namespace, "jobs")),
        "the end of every Job",
        seconds=60,
    )
