"""Names, addresses and folders of the one node. Everything it writes lies in one folder, which `down` removes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: A copy of the checkout, as mutants are tried in, uses the node of the checkout that it was copied from.
STATE = Path(os.environ.get("WO_CLUSTER_STATE") or ROOT / ".state" / "cluster")

#: Two checkouts on one machine have a node each: only what a host shares (cgroups, process environments) is named.
MARK = f"wo-{hashlib.sha256(str(STATE.parents[1]).encode()).hexdigest()[:8]}"
CGROUP = f"kube-{MARK}"

NODE = STATE / "node"
KEYS = NODE / "keys"
LOGS = NODE / "log"
HOME = NODE / "home"
CONFIG = NODE / "config"
CONTAINERD = NODE / "containerd"
KUBELET = NODE / "kubelet"
ETCD = NODE / "etcd"
VOLUMES = NODE / "volumes"
KUBECONFIG = KEYS / "admin.conf"
#: Written by pid 1 as it goes; the host waits for them.
READY = NODE / "ready"
ADDONS = NODE / "addons-ready"

UNSHARE_PID = STATE / "unshare.pid"
BEFORE = STATE / "before.json"
#: Links to the archives of images that the node imports at its start.
ARCHIVES = STATE / "images"

NODE_NAME = "node1"
NODE_ADDRESS = "10.200.0.1"
NODE_RANGE = "10.200.0.0/24"
POD_RANGE = "10.244.0.0/24"
SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
DNS_ADDRESS = "10.96.0.10"
DOMAIN = "cluster.local"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
#: Local volumes made in advance; a released one is wiped and offered again, as a cloud's default class would.
VOLUME_COUNT = 24
VOLUME_SIZE = "20Gi"
