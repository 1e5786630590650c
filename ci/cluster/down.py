"""`make cluster-down`: the node and everything of it ends; images and layers stay for the next one.

It ends whatever a crashed run left too, and needs nothing that one had to write down.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from ci.cluster import leftovers, places
from ci.cluster.init import cgroup_trees

_END_SECONDS = 15.0


def down() -> None:
    """End every process of this checkout's cluster, then remove its cgroups and its folder."""
    _end_processes()
    _end_mounts()
    _end_cgroups()
    places.UNSHARE_PID.unlink(missing_ok=True)
    if places.NODE.exists():
        shutil.rmtree(places.NODE)


def _end_processes() -> None:
    """The process that holds the namespaces first: with it the kernel ends all that live in them."""
    end = time.monotonic() + _END_SECONDS
    while found := sorted(leftovers.processes(), key=lambda p: p.pid):
        if time.monotonic() > end:
            raise TimeoutError(f"these did not end within {_END_SECONDS:g} s: {found}")
        for process in found:
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                # it ended with the namespace it was in
                continue
        time.sleep(0.1)


def _end_mounts() -> None:
    """Mounts that a killed build left in the host's own view."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()]
    for point in sorted((p for p in points if p.startswith(str(places.STATE))), reverse=True):
        subprocess.run(["umount", "-l", point], check=True, timeout=30)


def _end_cgroups() -> None:
    for tree in cgroup_trees():
        group = tree / places.CGROUP
        end = time.monotonic() + _END_SECONDS
        while group.exists():
            for folder in sorted(group.rglob("*"), key=lambda p: len(p.parts), reverse=True):
                if folder.is_dir():
                    _remove(folder)
            _remove(group)
            if time.monotonic() > end:
                raise TimeoutError(f"{group} still holds processes after {_END_SECONDS:g} s")


def _remove(folder: Path) -> None:
    try:
        os.rmdir(folder)
    except OSError:
        # the kernel is still emptying it; the caller looks again
        time.sleep(0.05)


def main() -> int:
    began = time.monotonic()
    down()
    print(f"cluster: gone after {time.monotonic() - began:.1f} s", flush=True)
    return leftovers.main() if places.BEFORE.exists() else 0


if __name__ == "__main__":
    sys.exit(main())
