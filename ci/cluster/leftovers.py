"""What a host shows of a cluster, compared before and after: processes, mounts, links, rules, sysctls, cgroups.

python -m ci.cluster.leftovers        what differs from the state that the last `up` wrote down; exit 1 if anything does
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from ci.cluster import places
from ci.cluster.init import cgroup_trees

#: Sysctls that change by themselves on an idle host.
_VOLATILE = re.compile(
    r"^(fs/(dentry-state|inode-nr|inode-state|file-nr|aio-nr|mount-nr|quota|binfmt_misc)|kernel/(random|ns_last_pid|pty/nr"
    r"|cad_pid|sched_domain|keys|perf_)|net/netfilter/nf_conntrack_count|vm/(stat|drop_caches|compact))|/route/flush"
    r"|/neigh/|/conf/(?!all|default)"
)
_COMMENT = re.compile(r"^#")


def snapshot() -> dict[str, list[str]]:
    """Each kind of thing as sorted lines."""
    return {
        "processes": sorted(_processes()),
        "mounts": sorted(_mounts()),
        "network": sorted(_network()),
        "firewall": sorted(_firewall()),
        "sysctls": sorted(_sysctls()),
        "cgroups": sorted(_cgroups()),
        "folders": sorted(_folders()),
    }


def differences(before: dict[str, list[str]], after: dict[str, list[str]]) -> list[str]:
    lines = []
    for kind in before:
        then, now = set(before[kind]), set(after[kind])
        lines += [f"{kind}: + {line}" for line in sorted(now - then)]
        lines += [f"{kind}: - {line}" for line in sorted(then - now)]
    return lines


def processes() -> Iterator[psutil.Process]:
    """Processes of this checkout's cluster, wherever they are: by the mark in their environment, or by their cgroup.

    Others come and go on a shared machine, so a plain list would differ without a fault of ours. Whoever asks is none.
    """
    asking = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter():
        try:
            if process.pid not in asking and _ours(process):
                yield process
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, FileNotFoundError, ProcessLookupError):
            # it ended while it was looked at, which is what is hoped for
            continue


def _ours(process: psutil.Process) -> bool:
    groups = Path(f"/proc/{process.pid}/cgroup").read_text(encoding="utf-8")
    return places.CGROUP in groups or process.environ().get("WO_CLUSTER") == places.MARK


def _processes() -> Iterator[str]:
    for process in processes():
        yield f"{process.pid} {' '.join(process.cmdline())[:200]}"


def _mounts() -> Iterator[str]:
    """Mount points and what is mounted: the numbers before them are given anew at every mount."""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        yield line.split(" ", 3)[3]


def _network() -> Iterator[str]:
    for command in (["ip", "-o", "link"], ["ip", "-o", "address"], ["ip", "route", "show", "table", "all"],
                    ["ip", "rule"], ["ip", "netns"]):  # fmt: skip
        for line in _lines(command):
            # lifetimes of leased addresses count down
            yield re.sub(r"(valid_lft|preferred_lft) \S+", "", line)


def _firewall() -> Iterator[str]:
    for command in (["nft", "list", "ruleset"], ["iptables-save"], ["ip6tables-save"]):
        yield from (re.sub(r"\[\d+:\d+\]", "", line) for line in _lines(command) if not _COMMENT.match(line))


def _lines(command: list[str]) -> list[str]:
    """What a tool says; a host without the tool has nothing of the kind."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except FileNotFoundError:
        return []
    return done.stdout.splitlines()


def _sysctls() -> Iterator[str]:
    root = Path("/proc/sys")
    for file in root.rglob("*"):
        name = file.relative_to(root).as_posix()
        if not _VOLATILE.search(name) and file.is_file():
            try:
                yield f"{name} = {file.read_text(encoding='utf-8', errors='replace').strip()}"
            except OSError:
                # some can only be written, some only where a device is
                continue


def _cgroups() -> Iterator[str]:
    for tree in cgroup_trees():
        yield from (str(path) for path in tree.glob(f"**/*{places.MARK}*") if path.is_dir())


def _folders() -> Iterator[str]:
    """What a tool that is started on a host likes to make there."""
    for folder in ("/run", "/var/lib", "/etc", "/var/log", "/opt"):
        yield from (str(path) for path in Path(folder).iterdir())


def main() -> int:
    if not places.BEFORE.exists():
        print("leftovers: nothing was written down; run `make cluster-up` first", file=sys.stderr)
        return 2
    lines = differences(json.loads(places.BEFORE.read_text()), snapshot())
    for line in lines:
        print(line)
    print(f"leftovers: {len(lines)} lines")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
