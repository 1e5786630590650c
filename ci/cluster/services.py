"""The node's own processes: how each is started, stopped and killed. Runs inside the node's namespaces.

python -m ci.cluster.services start|stop|kill NAME
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from ci.cluster import parts, places

_KEYS = places.KEYS
_PIDS = Path("/run/node")
_STOP_SECONDS = 20.0

_ETCD = ["--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379",
         "--listen-peer-urls=http://127.0.0.1:2380", f"--data-dir={places.ETCD}", "--log-level=warn",
         # a node of minutes loses nothing when the machine does
         "--unsafe-no-fsync"]  # fmt: skip

_API_SERVER = [
    "--etcd-servers=http://127.0.0.1:2379",
    "--secure-port=6443",
    "--bind-address=0.0.0.0",
    f"--advertise-address={places.NODE_ADDRESS}",
    f"--service-cluster-ip-range={places.SERVICE_RANGE}",
    f"--tls-cert-file={_KEYS}/kube-apiserver.crt",
    f"--tls-private-key-file={_KEYS}/kube-apiserver.key",
    f"--client-ca-file={_KEYS}/ca.crt",
    f"--kubelet-client-certificate={_KEYS}/kubelet-client.crt",
    f"--kubelet-client-key={_KEYS}/kubelet-client.key",
    "--kubelet-preferred-address-types=InternalIP,Hostname",
    f"--service-account-issuer=https://kubernetes.default.svc.{places.DOMAIN}",
    f"--service-account-key-file={_KEYS}/accounts.pub",
    f"--service-account-signing-key-file={_KEYS}/accounts.key",
    # the metrics API is another server behind this one
    f"--requestheader-client-ca-file={_KEYS}/ca.crt",
    "--requestheader-allowed-names=front-proxy-client",
    "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    "--requestheader-group-headers=X-Remote-Group",
    "--requestheader-username-headers=X-Remote-User",
    f"--proxy-client-cert-file={_KEYS}/front-proxy.crt",
    f"--proxy-client-key-file={_KEYS}/front-proxy.key",
    "--enable-aggregator-routing=true",
    "--authorization-mode=Node,RBAC",
    "--enable-admission-plugins=NodeRestriction",
    "--profiling=false",
]


def _own_configs(name: str) -> list[str]:
    return [f"--{kind}={_KEYS}/{name}.conf" for kind in ("kubeconfig", "authentication-kubeconfig",
                                                       "authorization-kubeconfig")]  # fmt: skip


#: Each process's arguments; the program is of the same name.
ARGUMENTS: dict[str, list[str]] = {
    "containerd": ["-c", f"{places.CONFIG}/containerd.toml"],
    "etcd": _ETCD,
    "kube-apiserver": _API_SERVER,
    "kube-controller-manager": [
        *_own_configs("kube-controller-manager"),
        f"--service-account-private-key-file={_KEYS}/accounts.key",
        f"--root-ca-file={_KEYS}/ca.crt",
        f"--cluster-signing-cert-file={_KEYS}/ca.crt",
        f"--cluster-signing-key-file={_KEYS}/ca.key",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        "--allocate-node-cidrs=false",
        # scaling is watched by a test: its reaction to a new pod is quick, its rules are the chart's
        "--horizontal-pod-autoscaler-sync-period=5s",
        "--horizontal-pod-autoscaler-cpu-initialization-period=10s",
        "--horizontal-pod-autoscaler-initial-readiness-delay=5s",
    ],
    "kube-scheduler": [*_own_configs("kube-scheduler"), "--leader-elect=false"],
    "kubelet": [
        f"--config={places.CONFIG}/kubelet.yaml",
        f"--kubeconfig={_KEYS}/kubelet.conf",
        f"--hostname-override={places.NODE_NAME}",
        f"--node-ip={places.NODE_ADDRESS}",
    ],
    "kube-proxy": [f"--config={places.CONFIG}/kube-proxy.yaml"],
    # policies only: routes are the bridge's, Services are kube-proxy's
    "kube-router": [
        f"--kubeconfig={_KEYS}/kube-router.conf",
        "--run-router=false",
        "--run-service-proxy=false",
        "--run-firewall=true",
        "--enable-ipv6=false",
        f"--hostname-override={places.NODE_NAME}",
        f"--service-cluster-ip-range={places.SERVICE_RANGE}",
        "--metrics-port=0",
        "--health-port=0",
    ],
}


def start(name: str) -> None:
    """Start it in a session of its own; its output is appended to its log."""
    program = str(parts.ready()[name]) if name != "containerd" else name
    _PIDS.mkdir(exist_ok=True)
    places.LOGS.mkdir(parents=True, exist_ok=True)
    with (places.LOGS / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            [program, *ARGUMENTS[name]],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "HOME": str(places.HOME), "TMPDIR": str(places.HOME)},
        )
    (_PIDS / name).write_text(str(process.pid))


def stop(name: str, signum: signal.Signals = signal.SIGTERM) -> None:
    """End it and wait until it is gone; pods live on without kubelet and containerd."""
    pid = int((_PIDS / name).read_text())
    os.kill(pid, signum)
    end = time.monotonic() + _STOP_SECONDS
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > end:
            raise TimeoutError(f"{name} (pid {pid}) did not end within {_STOP_SECONDS:g} s of {signum.name}")
        time.sleep(0.05)


def main(arguments: list[str]) -> int:
    match arguments:
        case ["start", name] if name in ARGUMENTS:
            start(name)
        case ["stop", name] if name in ARGUMENTS:
            stop(name)
        case ["kill", name] if name in ARGUMENTS:
            stop(name, signal.SIGKILL)
        case _:
            print(f"services: give start, stop or kill and one of {', '.join(ARGUMENTS)}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
