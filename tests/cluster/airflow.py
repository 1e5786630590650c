"""A release with Airflow: the cluster is one of the API's issuers, Airflow's REST API is reached as a user would."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ci.airflow.rest import Rest
from tests.cluster.conftest import address
from tests.cluster.kube import ROOT, Cluster, Object, ready, until
from tests.cluster.node import processes_of
from tests.cluster.people import People
from tests.cluster.release import SECRET, Release, version

VALUES = ("values/minikube.yaml", "tests/cluster/values-airflow.yaml")
#: What a canary's case is: two people decide it.
CASE: dict[str, Any] = yaml.safe_load((ROOT / VALUES[1]).read_text())["airflow"]["canary"]["case"]
#: Of Airflow's control plane, by their component's label.
PARTS = ("api-server", "scheduler", "dag-processor", "triggerer")
#: Who speaks to the platform, by the end of their ServiceAccount's name.
_SPEAKERS = ("worker", "triggerer", "dag-processor")
_IMAGE = f"workflow-orchestration/airflow:{version()}"


@dataclass(frozen=True)
class Site:
    release: Release
    people: People
    rest: Rest

    def helm_test(self, *, seconds: int = 300) -> str:
        where = ["--namespace", self.release.namespace, f"--timeout={seconds}s"]
        return self.release.cluster.helm("test", self.release.name, *where, seconds=seconds + 30)

    def pods(self, chart: str, component: str) -> list[Object]:
        """Of one chart: the platform and Airflow both have a worker."""
        labels = f"app.kubernetes.io/name={chart},app.kubernetes.io/component={component}"
        found: list[Object] = self.release.cluster.get(self.release.namespace, "pods", labels=labels)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def long_running(self) -> dict[str, Object]:
        """Every pod that is to stay, by name."""
        parts = [("api", "api"), ("api", "worker"), ("checkpoints", "postgres"), *(("airflow", part) for part in PARTS)]
        return {pod["metadata"]["name"]: pod for part in parts for pod in self.pods(*part)}

    def all_ready(self) -> bool:
        found = self.long_running()
        return len(found) >= len(PARTS) + 3 and all(ready(pod) for pod in found.values())

    def tasks(self, run: str) -> list[Object]:
        """Pods of a run's tasks."""
        return [pod for pod in self.pods("airflow", "worker") if pod["metadata"]["labels"].get("run_id") == run]

    def secrets(self) -> dict[str, str]:
        data = self.release.cluster.get(self.release.namespace, "secret", SECRET)["data"]
        return {key: base64.b64decode(value).decode() for key, value in data.items()}


def issuer(namespace: str, name: str) -> str:
    """OIDC_ISSUERS as docs/howto/own-airflow.md has it: the cluster's tokens, of Airflow's three accounts alone."""
    accounts = [f"system:serviceaccount:{namespace}:{name}-airflow-{part}" for part in _SPEAKERS]
    return json.dumps([{
        "name": "cluster",
        "issuer": "https://kubernetes.default.svc.cluster.local",
        "jwks_url": "https://kubernetes.default.svc/openid/v1/jwks",
        "jwks_ca_file": "/etc/cluster-ca/ca.crt",
        "audience": "workflow-orchestration",
        "roles_claim": "sub",
        "role_map": dict.fromkeys(accounts, "airflow"),
        "desks": ["*"],
    }])  # fmt: skip


def prepare(cluster: Cluster, folder: Path, namespace: str, *values: str) -> Release:
    """Namespace and Secret of a release that is still to be installed; an earlier run's is removed first."""
    until(lambda: has_image(cluster), f"{_IMAGE} on the node: `python -m ci.cluster.images airflow`", seconds=30)
    release = Release(cluster, folder, namespace=namespace, values=(*VALUES, *values),
                      given={"OIDC_ISSUERS": issuer(namespace, "wo")})  # fmt: skip
    remove(release)
    cluster.apply(_keys_for_all())
    release.prepare()
    return release


def remove(release: Release) -> None:
    release.cluster.kubectl(
        "delete", "namespace", release.namespace, "--ignore-not-found", "--wait", "--timeout=180s", seconds=190
    )


def has_image(cluster: Cluster) -> bool:
    images = cluster.get("", "node", cluster.node)["status"]["images"]
    return any(name.endswith(_IMAGE) for image in images for name in image["names"])


def _keys_for_all() -> Object:
    """The API has no token of its own; the cluster's public keys are no secret."""
    rbac = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{rbac}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "keys-for-all"},
        "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "system:service-account-issuer-discovery"},
        "subjects": [{"apiGroup": rbac, "kind": "Group", "name": "system:unauthenticated"}],
    }


def site(release: Release) -> Site:
    """How people reach an installed release."""
    service = release.cluster.get(release.namespace, "service", f"{release.name}-airflow-api-server")
    password = release.cluster.get(release.namespace, "secret", SECRET)["data"]["AIRFLOW_ADMIN_PASSWORD"]
    rest = Rest(
        f"http://{service['spec']['clusterIP']}:8080", user="admin", password=base64.b64decode(password).decode()
    )
    return Site(release, People(address(release)), rest)


def looks_inside(pods: list[Object]) -> Iterator[dict[str, Any]]:
    """Each process of these pods there is now: its pod, its environment, and where something is mounted in it."""
    for pod in pods:
        for process in processes_of(pod):
            try:
                environment = Path(f"/proc/{process}/environ").read_bytes().decode(errors="replace")
                mounts = [line.split()[4] for line in Path(f"/proc/{process}/mountinfo").read_text().splitlines()]
            except OSError:
                continue  # it ended while it was looked at
            yield {"pod": pod, "process": process, "environment": environment, "mounts": mounts}
