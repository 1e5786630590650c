"""Local volumes: they honour fsGroup, as a cloud's disks do, and a released one is wiped and offered again.

Without that a node would run out of them: Kubernetes binds a released local volume to no second claim.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time

from ci.cluster import places
from ci.cluster.inside import kubectl

_PAUSE_SECONDS = 5.0


def make(number: int) -> None:
    """The empty folder and the volume on it."""
    (places.VOLUMES / f"{number:02}").mkdir(parents=True)
    kubectl("apply", "-f", "-", stdin=json.dumps(_volume(number)))


def recycle() -> None:
    """Until the node ends."""
    while True:
        time.sleep(_PAUSE_SECONDS)
        try:
            for number in _released():
                kubectl("delete", "persistentvolume", f"local-{number:02}", "--wait")
                shutil.rmtree(places.VOLUMES / f"{number:02}")
                make(number)
        except (OSError, subprocess.TimeoutExpired) as error:
            # the API server may be away for a moment, which a test may be about
            print(f"volumes: {error}", flush=True)


def _released() -> list[int]:
    """Numbers of our own: a volume that a test made beside them is the test's."""
    found = json.loads(kubectl("get", "persistentvolumes", "-o", "json"))["items"]
    names = [v["metadata"]["name"] for v in found if v["status"].get("phase") == "Released"]
    return [int(name.removeprefix("local-")) for name in names if name.startswith("local-")]


def _volume(number: int) -> dict[str, object]:
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [places.NODE_NAME]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"local-{number:02}"},
        "spec": {
            "capacity": {"storage": places.VOLUME_SIZE},
            # one node: what is on it is on every node
            "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
            "storageClassName": "standard",
            "persistentVolumeReclaimPolicy": "Retain",
            "local": {"path": str(places.VOLUMES / f"{number:02}")},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }
