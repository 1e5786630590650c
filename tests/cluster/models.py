"""A model server's volume on the cluster: a real vLLM and its tiny model, for any release that asks for them.

A release with `VALUES` among its values and `offer(cluster, namespace)` called before its install has a real vLLM:

    release = Release(cluster, folder, namespace="mine", values=("values/minikube.yaml", *models.VALUES, ...))
    release.prepare()
    models.offer(cluster, release.namespace)
    release.install()
    ...
    models.withdraw(cluster, release.namespace)      # once the namespace is gone; the folder itself stays
"""

from __future__ import annotations

from ci.cluster import models
from tests.cluster.kube import Cluster

#: On top of values/minikube.yaml: vLLM on a CPU as users have it, then the image and the model that are here.
VALUES = ("values/vllm-cpu.yaml", "tests/cluster/values-models.yaml")
#: As values-models.yaml names it.
CLAIM = "models"
_SIZE = "10Gi"


def offer(cluster: Cluster, namespace: str) -> None:
    """The namespace's claim `models`, bound to a volume of its own on the folder that all share, read-only."""
    # the claim that an earlier one was bound to is gone with its namespace
    cluster.kubectl("delete", "persistentvolume", _volume(namespace), "--ignore-not-found", "--wait")
    size = {"storage": _SIZE}
    bound = {"accessModes": ["ReadOnlyMany"], "storageClassName": "", "volumeName": _volume(namespace)}
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [cluster.node]}
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": _volume(namespace)},
            "spec": {
                "capacity": size,
                "accessModes": ["ReadOnlyMany"],
                "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {"namespace": namespace, "name": CLAIM},
                "local": {"path": str(models.volume())},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": CLAIM, "namespace": namespace},
            "spec": {**bound, "resources": {"requests": size}},
        },
    )


def withdraw(cluster: Cluster, namespace: str) -> None:
    """A volume that was bound once binds to no second claim: it goes, and its folder stays."""
    cluster.kubectl("delete", "persistentvolume", _volume(namespace), "--ignore-not-found", "--wait=false")


def _volume(namespace: str) -> str:
    return f"models-{namespace}"
