"""`make cluster-up`: a real one-node Kubernetes with the project's images, until `make cluster-down`.

It needs root and Linux, and nothing of the host but a few Debian packages; what it makes lies in .state/cluster.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time

from ci.cluster import images, leftovers, parts, places
from ci.cluster.down import down
from ci.cluster.parts import ClusterError

#: Program -> Debian package that brings it.
_PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "iptables": "iptables",
    "nft": "nftables",
    "conntrack": "conntrack",
    "socat": "socat",
    "ipset": "ipset",
    "mmdebstrap": "mmdebstrap",
    "buildah": "buildah",
    "ip": "iproute2",
    "ps": "procps",
}
_UNSHARE = [
    "setsid",
    "unshare",
    "--mount",
    "--net",
    "--pid",
    "--ipc",
    "--uts",
    "--fork",
    "--kill-child",
    "--mount-proc",
]
_NODE_SECONDS = 90.0
_ADDON_SECONDS = 180.0


def up(*images_too: str) -> None:
    _packages()
    parts.ready()
    down()
    places.STATE.mkdir(parents=True, exist_ok=True)
    images.ready(*images_too)
    places.BEFORE.write_text(json.dumps(leftovers.snapshot()))
    _start()


def _packages() -> None:
    if os.geteuid() != 0:
        raise ClusterError("the node needs root: namespaces, mounts and a container runtime. Run it as root, or use "
                           "minikube and E2E_CONTEXT (docs/howto/test-cluster.md)")  # fmt: skip
    missing = sorted({package for program, package in _PACKAGES.items() if shutil.which(program) is None})
    if missing:
        print(f"cluster: installing {', '.join(missing)}", flush=True)
        quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "stdout": subprocess.DEVNULL}
        subprocess.run(["apt-get", "update", "-qq"], check=True, timeout=120, **quiet)  # type: ignore[call-overload]
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
        subprocess.run(command, check=True, timeout=300, **quiet)  # type: ignore[call-overload]


def _start() -> None:
    began = time.monotonic()
    places.NODE.mkdir()
    log = places.NODE / "init.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*_UNSHARE, sys.executable, "-m", "ci.cluster.init"],
            cwd=places.ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, "WO_CLUSTER": places.MARK, "PYTHONDONTWRITEBYTECODE": "1"},
        )
    places.UNSHARE_PID.write_text(str(process.pid))
    _wait(process, places.READY, _NODE_SECONDS)
    ready = time.monotonic() - began
    _wait(process, places.ADDONS, _ADDON_SECONDS)
    print(log.read_text(), end="")
    print(
        f"cluster: node ready after {ready:.1f} s, names and metrics after {time.monotonic() - began:.1f} s", flush=True
    )


def _wait(process: subprocess.Popen[bytes], sign: os.PathLike[str], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not os.path.exists(sign):
        if process.poll() is not None or time.monotonic() > end:
            shown = (places.NODE / "init.log").read_text(errors="replace")
            raise ClusterError(f"the node did not come up within {seconds:g} s:\n{shown}\nlogs: {places.LOGS}")
        time.sleep(0.1)


def main(*images_too: str) -> int:
    """`images_too`: those that are built on demand."""
    try:
        up(*images_too)
    except ClusterError as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1
    print("cluster: `python -m ci.cluster.enter kubectl get pods -A` looks inside; `make cluster-down` ends it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
