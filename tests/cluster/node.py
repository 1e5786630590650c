"""The own node from below: processes and cgroups of its pods, and its own services. Other clusters do not let us."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ci.cluster import enter, places
from tests.cluster.kube import Failed, Object

_CGROUPS = Path("/sys/fs/cgroup")


def service(action: str, name: str) -> None:
    """Start, stop or kill one of the node's own processes."""
    done = subprocess.run(
        enter.whole([sys.executable, "-m", "ci.cluster.services", action, name]),
        env={**os.environ, "WO_CLUSTER": places.MARK},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode:
        raise Failed(f"{action} {name}: {done.stderr}")


def processes_of(pod: Object) -> list[int]:
    """The host's numbers of a pod's processes, its pause process aside."""
    wanted = pod["metadata"]["uid"]
    return sorted(int(f.name) for f in Path("/proc").iterdir() if f.name.isdigit() and _in_pod(f, wanted))


def _in_pod(folder: Path, uid: str) -> bool:
    try:
        groups = (folder / "cgroup").read_text()
        command = (folder / "cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        # it ended while it was looked at
        return False
    return places.CGROUP in groups and uid in groups and not command.startswith("/pause")


def cpu_seconds(pod: Object) -> float:
    """CPU time that a pod has used, in seconds."""
    group = _pod_group(pod, "cpuacct")
    if (group / "cpuacct.usage").exists():
        return int((group / "cpuacct.usage").read_text()) / 1e9
    rows = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
    return int(rows["usage_usec"]) / 1e6


def peak_memory(pod: Object) -> int:
    """Bytes that a pod has held at most."""
    group = _pod_group(pod, "memory")
    first = group / "memory.max_usage_in_bytes"
    return int((first if first.exists() else group / "memory.peak").read_text())


def squeeze(process: int) -> bool:
    """Lower its container's memory limit to what it holds now; True once the kernel has killed it."""
    if not Path(f"/proc/{process}").exists():
        return True
    group = _group(process, "memory")
    limit, usage = ("memory.limit_in_bytes", "memory.usage_in_bytes")
    if not (group / limit).exists():
        limit, usage = ("memory.max", "memory.current")
    try:
        (group / limit).write_text(str(int((group / usage).read_text()) - 4096))
    except OSError:
        # busy: it holds more by now; the caller tries again
        return False
    return False


def _pod_group(pod: Object, controller: str) -> Path:
    """A pod's cgroup, by any of its processes: some are a probe's, and end while they are looked at."""
    uid = pod["metadata"]["uid"]
    for process in processes_of(pod):
        try:
            group = _group(process, controller)
        except (FileNotFoundError, ProcessLookupError):
            continue
        for found in (group, *group.parents):
            if uid in found.name:
                return found
    raise Failed(f"pod {pod['metadata']['name']} has no process on this node")


def _group(process: int, controller: str) -> Path:
    """The cgroup of a process under one controller of v1, or its only one of v2."""
    for line in Path(f"/proc/{process}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return _CGROUPS / controller / path.lstrip("/")
    return _CGROUPS / path.lstrip("/")
