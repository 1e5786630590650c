"""Names, Services and NetworkPolicies, tried from real pods; each is asked until policies have settled."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.chart.render import NAMESPACE as RENDERED
from tests.chart.render import environment, objects, of_kind
from tests.chart.sweep import pods as rendered_pods
from tests.chart.test_network import EVERYTHING, MUST_CONNECT, MUST_NOT_CONNECT
from tests.cluster import pods
from tests.cluster.kube import Cluster, Object, until
from tests.cluster.release import Release

#: A namespace with every part's policies and a pod with every part's labels in the part's place.
TABLE = "policies"
_OUTSIDE = {"outside/internet": "203.0.113.7", "outside/metadata": "169.254.169.254"}
_OTHERS = {
    "monitoring/prometheus": ("monitoring", {"app": "prometheus"}),
    "default/stranger": ("default", {"app": "stranger"}),
    "kafka/broker": ("kafka", {"app": "kafka"}),
    "unknown/new": (TABLE, {"app": "new"}),
}
#: Seconds within which a policy holds for a new pod.
_SETTLED = 20.0
_LISTEN = """
import socket, sys, threading, time
def serve(port):
    with socket.create_server(("", port)) as server:
        while True:
            server.accept()[0].close()
for port in sys.argv[1:]:
    threading.Thread(target=serve, args=(int(port),), daemon=True).start()
time.sleep(100000)
"""
#: Connects to each HOST:PORT of its input at once, and prints those that let it.
_CONNECT = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def attempt(target):
    host, port = target.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
        return target
    except OSError:
        return None
targets = json.loads(sys.argv[1])
with ThreadPoolExecutor(len(targets)) as pool:
    print(json.dumps([t for t in pool.map(attempt, targets) if t]))
"""


def connects(cluster: Cluster, where: tuple[str, str], targets: list[str]) -> list[str]:
    """Those of the targets that let this pod connect."""
    namespace, name = where
    words = ["-n", namespace, "exec", name, "--", "python", "-c", _CONNECT, json.dumps(targets)]
    found: list[str] = json.loads(cluster.kubectl(*words))
    return found


def test_every_service_answers_by_name_from_the_pods_that_need_it(release: Release) -> None:
    name = release.name
    needs = {
        ("api", f"{name}-checkpoints:5432"),
        ("worker", f"{name}-checkpoints:5432"),
    }
    for component, target in sorted(needs):
        pod = release.await_ready(component)[0]
        until(
            lambda p=pod, t=target: connects(release.cluster, (release.namespace, p), [t]),  # type: ignore[misc]
            f"{component} -> {target}",
            seconds=10,
        )


def test_every_endpoint_of_a_service_is_a_ready_pod(release: Release) -> None:
    for service in release.cluster.get(release.namespace, "services", labels="app.kubernetes.io/managed-by=Helm"):
        name = service["metadata"]["name"]
        slices = release.cluster.get(release.namespace, "endpointslices", labels=f"kubernetes.io/service-name={name}")
        ends = [end for part in slices for end in part.get("endpoints") or []]
        assert ends, f"Service {name} has no endpoint"
        assert all(end["conditions"]["ready"] for end in ends), f"Service {name}: {ends}"


@pytest.fixture(scope="module")
def table(cluster: Cluster) -> Iterator[dict[str, tuple[str, str]]]:
    """Part -> its pod. All parts' real policies; a listening pod with the part's own labels in the part's place."""
    if not cluster.is_own_node:
        pytest.skip("addresses outside are made on the node, and this node is another machine's")
    rendered = objects(environment("minikube", sets=EVERYTHING))
    names = sorted({TABLE, *(namespace for namespace, _ in _OTHERS.values())} - {"default"})
    cluster.kubectl("delete", "namespace", *names, "--ignore-not-found", "--wait", seconds=120)
    cluster.apply(*({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n}} for n in names))
    cluster.apply(*(_moved(policy) for policy in of_kind(rendered, "NetworkPolicy")))
    wanted = {pod.part: (TABLE, pod.labels) for pod in rendered_pods(rendered)} | _OTHERS
    used = {part for source, target, _ in [*MUST_CONNECT, *MUST_NOT_CONNECT] for part in (source, target)}
    standing = {part: (ns, _pod_name(part)) for part, (ns, _) in wanted.items() if part in used}
    pods.start(
        cluster,
        *(_standing(part, *wanted[part]) for part in standing),
        seconds=150,
    )
    with _Outside(cluster):
        yield standing
    cluster.kubectl("delete", "namespace", *names, "--wait=false")
    cluster.kubectl("-n", "default", "delete", "pod", _pod_name("default/stranger"), "--wait=false")


def _pod_name(part: str) -> str:
    return part.replace("/", "-")


def _standing(part: str, namespace: str, labels: dict[str, str]) -> Object:
    ports = sorted({str(port) for _, target, port in [*MUST_CONNECT, *MUST_NOT_CONNECT] if target == part})
    # of a named port a policy takes the number from the pod
    named = [{"name": name, "containerPort": port} for port, name in _named_ports(part).items()]
    return pods.pod(_pod_name(part), namespace, labels=labels, command=["python", "-c", _LISTEN, *ports], ports=named)


def _named_ports(part: str) -> dict[int, str]:
    found: dict[int, str] = {}
    for pod in rendered_pods(objects(environment("minikube", sets=EVERYTHING))):
        if pod.part == part:
            found |= {p["containerPort"]: p["name"] for c in pod.spec["containers"] for p in c.get("ports", [])}
    return found


def _moved(policy: Object) -> Object:
    assert policy["metadata"]["namespace"] == RENDERED
    return {**policy, "metadata": {**policy["metadata"], "namespace": TABLE}}


class _Outside:
    """Addresses beyond the cluster, with a listener each: a connection that is refused must be a policy's doing."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._listeners: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> None:
        for address in _OUTSIDE.values():
            self._cluster.run("ip", "address", "replace", f"{address}/32", "dev", "br-node")
            for port in sorted({p for _, t, p in MUST_NOT_CONNECT if _OUTSIDE.get(t) == address}):
                command = ["socat", f"TCP-LISTEN:{port},bind={address},fork,reuseaddr", "OPEN:/dev/null"]
                self._listeners.append(subprocess.Popen(command))

    def __exit__(self, *_: object) -> None:
        for listener in self._listeners:
            listener.kill()
            listener.wait()
        for address in _OUTSIDE.values():
            self._cluster.run("ip", "address", "del", f"{address}/32", "dev", "br-node")


def _address(cluster: Cluster, table: dict[str, tuple[str, str]], part: str) -> str:
    match part:
        case "kube-system/dns":
            return str(cluster.get("kube-system", "service", "kube-dns")["spec"]["clusterIP"])
        case "outside/kubernetes":
            return str(cluster.get("default", "service", "kubernetes")["spec"]["clusterIP"])
        case _ if part in _OUTSIDE:
            return _OUTSIDE[part]
        case _:
            namespace, name = table[part]
            return str(cluster.get(namespace, "pod", name)["status"]["podIP"])


def _rows(
    cluster: Cluster, table: dict[str, tuple[str, str]], rows: list[tuple[str, str, int]]
) -> dict[str, list[str]]:
    """Source -> its targets as HOST:PORT; a source outside has no pod to try from and is the other tables' part."""
    known = {part: _address(cluster, table, part) for part in sorted({t for _, t, _ in rows})}
    found: dict[str, list[str]] = {}
    for source, target, port in rows:
        if not source.startswith("outside/"):
            found.setdefault(source, []).append(f"{known[target]}:{port}")
    return found


def test_what_must_connect_connects(cluster: Cluster, table: dict[str, tuple[str, str]]) -> None:
    for source, targets in _rows(cluster, table, MUST_CONNECT).items():
        until(
            lambda s=source, t=targets: set(connects(cluster, table[s], t)) == set(t),  # type: ignore[misc]
            f"{source} -> {targets}",
            seconds=_SETTLED,
        )


def test_what_must_not_connect_does_not(cluster: Cluster, table: dict[str, tuple[str, str]]) -> None:
    """After the settling time: an open door then is open for good."""
    time.sleep(2)
    let_in = {
        s: found
        for s, t in _rows(cluster, table, MUST_NOT_CONNECT).items()
        if (found := connects(cluster, table[s], t))
    }
    assert not let_in


def test_without_the_policies_the_same_connections_stand(cluster: Cluster, table: dict[str, tuple[str, str]]) -> None:
    """So that a refusal above is known to be a policy's doing, and not a listener that is not there."""
    cluster.kubectl("-n", TABLE, "delete", "networkpolicy", "--all")
    for source, targets in _rows(cluster, table, MUST_NOT_CONNECT).items():
        until(
            lambda s=source, t=targets: set(connects(cluster, table[s], t)) == set(t),  # type: ignore[misc]
            f"{source} -> {targets} without policies",
            seconds=_SETTLED,
        )
