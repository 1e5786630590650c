"""The story of `make demo` by every way in: from inside through the Service, by the load balancer, by the Ingress."""

from __future__ import annotations

import json
import time
from pathlib import Path

import httpx
import pytest

from ci.local.demo import Demo
from ci.local.story import SAMPLE
from tests.cluster import ingress, pods
from tests.cluster.kube import ROOT, Object
from tests.cluster.release import SECRET, Release, settings, token

#: A policy lets a new pod through a part of a second after it has started: what it runs waits for that.
_ONCE_LET_THROUGH = """
import os, runpy, socket, time, urllib.parse
api = urllib.parse.urlsplit(os.environ["API_URL"])
for _ in range(200):
    try:
        socket.create_connection((api.hostname, api.port), timeout=1).close()
        break
    except OSError:
        time.sleep(0.1)
runpy.run_module("ci.local.demo", run_name="__main__")
"""


def _demo(url: str, host: str | None = None) -> Demo:
    demo = Demo(settings(url))
    if host:
        for person in demo.people.values():
            person.http.headers["Host"] = host
    return demo


def test_the_story_ends_well_through_the_load_balancer(url: str) -> None:
    _demo(url).play()


def test_the_story_ends_well_from_a_pod_through_the_service(release: Release) -> None:
    """`make demo`'s own files, in a pod that policies let in as they let `helm test` in."""
    files = [
        ROOT / "ci/__init__.py",
        *(ROOT / f"ci/local/{name}.py" for name in ("__init__", "demo", "story", "killing")),
    ]
    files += [path for path in SAMPLE.rglob("*") if path.suffix in (".json", ".fin")]
    labels = {"app.kubernetes.io/instance": release.name, "app.kubernetes.io/component": "helm-test"}
    found = pods.pod("demo", release.namespace, labels=labels, command=["python", "-c", _ONCE_LET_THROUGH], env=[
        {"name": "API_URL", "value": f"http://{release.name}-api:8000"},
        {"name": "PYTHONPATH", "value": "/demo"},
        {"name": "LOCAL_ISSUER_KEY", "valueFrom": {"secretKeyRef": {"name": SECRET, "key": "LOCAL_ISSUER_KEY"}}},
    ], volumeMounts=[{"name": "demo", "mountPath": "/demo"}])  # fmt: skip
    found["spec"]["volumes"] = [_volume(files)]
    release.cluster.apply(_configmap(release.namespace, files), found)
    said = pods.outcome(release.cluster, release.namespace, "demo", seconds=90)
    assert "is resolved" in said
    assert "log: valid" in said
    release.kubectl("delete", "pod/demo", "configmap/demo", "--wait=false")


def _key(path: Path) -> str:
    return str(path.relative_to(ROOT)).replace("/", "--")


def _configmap(namespace: str, files: list[Path]) -> Object:
    data = {_key(path): path.read_bytes().decode() for path in files}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "demo", "namespace": namespace}, "data": data}


def _volume(files: list[Path]) -> Object:
    items = [{"key": _key(path), "path": str(path.relative_to(ROOT))} for path in files]
    return {"name": "demo", "configMap": {"name": "demo", "items": items}}


@pytest.fixture(scope="module")
def entrance(release: Release) -> str:
    """Address of the nginx that stands in for an ingress controller."""
    found = release.cluster.get(release.namespace, "ingress", f"{release.name}-api")
    return f"http://{ingress.start(release.cluster, found)}"


@pytest.fixture(scope="module")
def host(release: Release) -> str:
    found = release.cluster.get(release.namespace, "ingress", f"{release.name}-api")
    return str(found["spec"]["rules"][0]["host"])


def test_the_story_ends_well_through_the_ingress(entrance: str, host: str) -> None:
    _demo(entrance, host).play()


def test_another_host_does_not_reach_the_api(entrance: str) -> None:
    assert httpx.get(f"{entrance}/health", headers={"Host": "other.test"}).status_code == 404


def test_the_event_stream_is_not_held_back_by_the_ingress(entrance: str, host: str) -> None:
    """What is logged is read at once, and the heartbeat keeps the connection: nothing on the way buffers it."""
    demo = _demo(entrance, host)
    demo._book_the_trade()
    case = demo._post((SAMPLE / "messages" / "mt548-nmat-dmon-WO-1002.fin").read_bytes().decode())
    headers = {"Authorization": f"Bearer {token('reader', ['auditor'])}", "Host": host, "Accept": "text/event-stream"}
    seen: list[tuple[float, str]] = []
    began = time.monotonic()
    with httpx.stream("GET", f"{entrance}/v1/cases/{case}/events", headers=headers, timeout=15) as answer:
        for line in answer.iter_lines():
            seen.append((time.monotonic() - began, line))
            if line.startswith(":") or time.monotonic() - began > 14:
                break
    assert any(line.startswith("event:") and at < 5 for at, line in seen), json.dumps(seen[:20])
    assert any(line.startswith(":") for _, line in seen), "no heartbeat came within 14 s"
