"""Runs a command where the node is: in its network (and, for its own processes, in all its namespaces).

python -m ci.cluster.enter COMMAND...        in the node's network, with this machine's files; kubectl and helm ready
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ci.cluster import parts, places
from ci.cluster.parts import ClusterError


def first_process() -> int:
    """The host's number of the node's process 1."""
    try:
        holder = int(places.UNSHARE_PID.read_text())
        children = Path(f"/proc/{holder}/task/{holder}/children").read_text().split()
        return int(children[0])
    except (OSError, IndexError, ValueError) as error:
        raise ClusterError("no node is running; start one with `make cluster-up`") from error


def network(command: list[str]) -> list[str]:
    """The command in the node's network: what a client outside the pods sees, with this machine's files."""
    return ["nsenter", "--target", str(first_process()), "--net", *command]


def whole(command: list[str]) -> list[str]:
    """The command in all of the node's namespaces: what its own processes see."""
    spaces = ["--mount", "--net", "--pid", "--ipc", "--uts"]
    return ["nsenter", "--target", str(first_process()), *spaces, f"--wd={places.ROOT}", *command]


def environment() -> dict[str, str]:
    """kubectl and helm of the pinned versions, pointed at the node."""
    helm = subprocess.run(
        ["sh", str(places.ROOT / "ci/chart/tools.sh"), "path", "helm"],
        check=True,
        capture_output=True,
        text=True,
        timeout=900,
    ).stdout.strip()
    programs = [Path(helm).parent, parts.ready()["kubectl"].parent, places.ROOT / ".venv" / "bin"]
    path = os.pathsep.join([*(str(folder) for folder in programs), os.environ["PATH"]])
    own = {name: str(places.HOME / "helm" / name.lower()) for name in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME",
                                                                      "HELM_DATA_HOME")}  # fmt: skip
    return {**os.environ, **own, "PATH": path, "KUBECONFIG": str(places.KUBECONFIG), "WO_CLUSTER": places.MARK,
            "WO_CLUSTER_STATE": str(places.STATE)}  # fmt: skip


def main() -> int:
    try:
        return subprocess.run(network(sys.argv[1:]), env=environment(), check=False).returncode
    except ClusterError as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
