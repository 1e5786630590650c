"""Process 1 of the node's namespaces: mounts, network and cgroups of its own, then Kubernetes, then it reaps.

Started by `ci.cluster.up` under unshare; the order of the steps is what makes them leave nothing on the host.
"""

from __future__ import annotations

import os
import shutil
import socket
import string
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ci.cluster import addons, balancer, keys, parts, places, private, services, volumes

_CGROUPS = Path("/sys/fs/cgroup")
#: What the kubelet demands of the host's kernel, as files bound over the real ones.
_SYSCTLS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
_LAST_STEP_SECONDS = 60.0


def _run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True, timeout=60)


def _mounts() -> None:
    """A host of its own as far as files go: /run, /sys, /dev/shm anew, /etc and /var under an overlay."""
    private.cover(places.NODE / "overlay")
    for name in ("cgroups", "node", "netns", "lock"):
        (Path("/run") / name).mkdir()
    _run("mount", "--rbind", _CGROUPS, "/run/cgroups")
    _run("mount", "-t", "sysfs", "sysfs", "/sys")
    _run("mount", "--move", "/run/cgroups", _CGROUPS)
    _run("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", "/dev/shm")  # noqa: S108 - a mount, not a file of ours
    for folder in (places.LOGS, places.KUBELET, places.CONTAINERD, places.VOLUMES, Path("/var/lib/kubelet")):
        folder.mkdir(parents=True, exist_ok=True)
    places.ETCD.mkdir(mode=0o700)
    _run("mount", "--bind", places.KUBELET, "/var/lib/kubelet")
    _run("mount", "--make-rshared", "/")


def _names() -> None:
    socket.sethostname(places.NODE_NAME)
    Path("/etc/hosts").write_text(f"127.0.0.1 localhost\n{places.NODE_ADDRESS} {places.NODE_NAME}\n")
    search = f"search default.svc.{places.DOMAIN} svc.{places.DOMAIN} {places.DOMAIN}\n"
    Path("/etc/resolv.conf").unlink(missing_ok=True)
    Path("/etc/resolv.conf").write_text(f"{search}nameserver {places.DNS_ADDRESS}\noptions ndots:5\n")


def _network() -> None:
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "link", "add", "br-node", "type", "bridge")
    _run("ip", "address", "add", f"{places.NODE_ADDRESS}/24", "dev", "br-node")
    _run("ip", "link", "set", "br-node", "up")
    # without it the node itself reaches no Service
    _run("ip", "route", "add", places.SERVICE_RANGE, "dev", "br-node")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _sysctls() -> None:
    folder = places.NODE / "sysctls"
    folder.mkdir()
    for name, value in _SYSCTLS.items():
        file = folder / name.replace("/", "_")
        file.write_text(f"{value}\n")
        _run("mount", "--bind", file, f"/proc/sys/{name}")


def _cgroups() -> None:
    """One group for all pods, under every controller of cgroup v1 or under the one tree of v2."""
    for tree in cgroup_trees():
        group = tree / places.CGROUP
        group.mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):
            if tree.name == "cpuset":
                (group / file).write_text((tree / file).read_text())


def cgroup_trees() -> Iterator[Path]:
    """Folders in which a cgroup can be made: one a controller in v1, the root in v2."""
    if (_CGROUPS / "cgroup.controllers").exists():
        yield _CGROUPS
    else:
        yield from (tree for tree in _CGROUPS.iterdir() if tree.is_dir() and not tree.is_symlink())


def _config() -> None:
    """The files of config/, with this node's paths and addresses."""
    source = Path(__file__).parent / "config"
    words = {name: str(value) for name, value in vars(places).items() if name.isupper()}
    for file in source.rglob("*"):
        if file.is_file():
            target = places.CONFIG / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(string.Template(file.read_text()).substitute(words))
    (places.CONFIG / "upstream.conf").write_text("nameserver 127.0.0.1\n")


def _control_plane() -> None:
    keys.write(places.KEYS)
    services.start("containerd")
    services.start("etcd")
    services.start("kube-apiserver")
    threading.Thread(target=addons.import_archives, daemon=True).start()
    _until(lambda: _kubectl("get", "--raw", "/readyz").returncode == 0, "the API server")


def _node() -> None:
    for name in ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"):
        services.start(name)
    _until(lambda: b" Ready" in _kubectl("get", "node", places.NODE_NAME).stdout, "the node")
    # it ends at once where the node is not known yet
    services.start("kube-router")


_STEPS: tuple[Callable[[], None], ...] = (
    _mounts, _names, _network, _sysctls, _cgroups, _config, _control_plane, _node,
)  # fmt: skip


def _kubectl(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [str(parts.ready()["kubectl"]), f"--kubeconfig={places.KUBECONFIG}", *arguments]
    return subprocess.run(command, capture_output=True, check=False, timeout=20)


def _until(look: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _LAST_STEP_SECONDS
    while not look():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} was not ready within {_LAST_STEP_SECONDS:g} s; see {places.LOGS}")
        time.sleep(0.1)


def _reap() -> None:
    """Process 1 inherits every orphan of the node."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            time.sleep(0.2)


def main() -> None:
    shutil.rmtree(places.HOME, ignore_errors=True)
    places.HOME.mkdir(parents=True)
    began = time.monotonic()
    for step in _STEPS:
        step()
        print(f"{time.monotonic() - began:6.1f} s  {step.__name__.strip('_').replace('_', ' ')}", flush=True)
    places.READY.write_text(f"{time.monotonic() - began:.1f}")
    threading.Thread(target=balancer.watch, daemon=True).start()
    addons.install()
    threading.Thread(target=volumes.recycle, daemon=True).start()
    print(f"{time.monotonic() - began:6.1f} s  names, metrics, volumes", flush=True)
    places.ADDONS.write_text(f"{time.monotonic() - began:.1f}")
    _reap()


if __name__ == "__main__":
    try:
        main()
    except (OSError, subprocess.SubprocessError, KeyError) as error:
        print(f"the node did not start: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
