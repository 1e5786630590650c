"""From the stored previous release, some migrations older, to this one under load and back; a migration that fails."""

from __future__ import annotations

import pytest

from tests.cluster import report
from tests.cluster.conftest import address, outbox
from tests.cluster.crowd import Crowd, at_work
from tests.cluster.kube import ROOT, Failed, until
from tests.cluster.release import Release, token
from tests.cluster.requests import Stream

PREVIOUS = next((ROOT / "tests" / "chart" / "previous").glob("*.tgz"))
_MIGRATIONS = ROOT / "src" / "workflow_orchestration" / "store" / "migrations"
#: A relation that the first migration after that release makes, so that it fails half-way, inside its transaction.
_OBSTACLE = "model_runs"


@pytest.fixture(scope="module")
def old(release: Release) -> Release:
    """The previous release with its own image, in a fresh namespace."""
    release.kubectl("delete", "namespace", release.namespace, "--ignore-not-found", "--wait", seconds=180)
    release.prepare()
    release.install(chart=str(PREVIOUS))
    return release


@pytest.fixture(scope="module")
def old_url(old: Release) -> str:
    return address(old)


def _crowd(release: Release, url: str, first: int) -> Crowd:
    if not release.cluster.is_own_node:
        pytest.skip("the receiver's folder is read on the node, and this node is another machine's")
    return Crowd(url, outbox(release), first=first)


def _migrations(release: Release) -> set[str]:
    found = release.cluster.get(release.namespace, "jobs", labels="app.kubernetes.io/component=migrate")
    return {job["metadata"]["name"] for job in found}


def _schema(release: Release) -> int:
    return len(release.database("select 1 from schema_migrations"))


def _newest() -> int:
    return len(list(_MIGRATIONS.glob("*.sql")))


def test_a_migration_that_fails_half_way_leaves_the_old_release_at_work(old: Release, old_url: str) -> None:
    before, jobs = _schema(old), _migrations(old)
    old.database(f"create table {_OBSTACLE} (in_the_way int)")
    crowd = _crowd(old, old_url, 600_000)
    try:
        with at_work(crowd), Stream(old_url, token("reader", ["auditor"]), clients=2) as load:
            with pytest.raises(Failed):
                old.upgrade(seconds=45)
            crowd.await_more(2)
    finally:
        # a failed upgrade's Job is nobody's afterwards: Helm compares with the last release that went well; its pods
        # go first, or one that just starts would find its way free
        for name in _migrations(old) - jobs:
            old.kubectl("delete", "job", name, "--cascade=foreground", "--wait")
        old.database(f"drop table {_OBSTACLE}")
    assert _schema(old) == before
    assert not load.failures
    assert crowd.findings() == []


def test_an_upgrade_under_load_loses_no_request_and_no_case(old: Release, old_url: str) -> None:
    assert _schema(old) < _newest()
    crowd = _crowd(old, old_url, 602_000)
    with at_work(crowd), Stream(old_url, token("reader", ["auditor"])) as load:
        old.upgrade("--set", "api.migrations.rerun=again")
        crowd.await_more(2)
        until(lambda: _images(old) == {_new(old)}, "pods of the new release alone", seconds=90)
    report.note(f"upgrade under load: {load.answers.total()} requests, {load.failures or 'no'} failures, "
                f"{crowd.finished()} cases")  # fmt: skip
    assert _schema(old) == _newest()
    assert not load.failures
    assert crowd.findings() == []


def _images(release: Release) -> set[str]:
    pods = release.cluster.get(release.namespace, "pods", labels="app.kubernetes.io/name=api")
    parts = ("api", "worker")
    return {
        pod["spec"]["containers"][0]["image"]
        for pod in pods
        if pod["metadata"]["labels"]["app.kubernetes.io/component"] in parts
    }


def _new(release: Release) -> str:
    found = release.cluster.get(release.namespace, "deployment", f"{release.name}-api")
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def test_a_rollback_under_load_loses_no_request_and_no_case(old: Release, old_url: str) -> None:
    newer = _new(old)
    crowd = _crowd(old, old_url, 604_000)
    with at_work(crowd), Stream(old_url, token("reader", ["auditor"])) as load:
        old.cluster.helm("rollback", old.name, "1", "--namespace", old.namespace, "--wait", "--timeout=180s")
        crowd.await_more(2)
        until(lambda: newer not in _images(old), "pods of the previous release alone", seconds=90)
    report.note(f"rollback under load: {load.answers.total()} requests, {load.failures or 'no'} failures")
    assert not load.failures
    assert crowd.findings() == []


def test_uninstall_leaves_the_volumes_and_the_secret_and_nothing_else(old: Release) -> None:
    """As docs/howto/deploy-minikube.md says: the data goes with the namespace, not with the release."""
    old.uninstall()
    until(lambda: not old.cluster.get(old.namespace, "pods"), "the end of all pods", seconds=90)
    kinds = old.kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name").split()
    skipped = {"events", "events.events.k8s.io", "pods.metrics.k8s.io", "endpoints", "endpointslices.discovery.k8s.io"}
    listed = old.kubectl("get", ",".join(sorted(set(kinds) - skipped)), "-o", "name").split()
    own = {line for line in listed if "kube-root-ca.crt" not in line and "serviceaccount/default" not in line}
    claims = {f"persistentvolumeclaim/{old.name}-{name}" for name in ("api-worker-state", "checkpoints-backup")}
    assert own == {"secret/wo-secrets", f"persistentvolumeclaim/data-{old.name}-checkpoints-0", *claims}
