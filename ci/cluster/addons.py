"""What every cluster has and Kubernetes alone has not: images, names, metrics, storage. Runs inside the node."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

from ci.cluster import places, volumes
from ci.cluster.inside import kubectl

_FILES = Path(__file__).parent / "addons"
_IMPORT_SECONDS = 120
_ROLLOUT = "--timeout=120s"
#: Set when the addons' images are there, and when all are.
_own_images, _all_images = threading.Event(), threading.Event()


def import_archives() -> None:
    """Every archive there is; the addons' first, because others wait for names."""
    _await_containerd()
    order = {"pause": 0, "coredns": 1, "metrics-server": 2}
    for archive in sorted(places.ARCHIVES.glob("*.tar"), key=lambda a: (order.get(a.stem, 9), a.stem)):
        import_archive(archive)
        if archive.stem == "metrics-server":
            _own_images.set()
    _all_images.set()


def import_archive(archive: Path) -> None:
    subprocess.run(importing(archive), check=True, capture_output=True, timeout=_IMPORT_SECONDS)


def importing(archive: Path) -> list[str]:
    """The command that gives the node an image."""
    return ["ctr", "-a", places.CONTAINERD_SOCKET, "-n", "k8s.io", "images", "import", str(archive)]


def _await_containerd() -> None:
    end = time.monotonic() + 30
    while subprocess.run(
        ["ctr", "-a", places.CONTAINERD_SOCKET, "version"], capture_output=True, check=False, timeout=20
    ).returncode:
        if time.monotonic() > end:
            raise TimeoutError(f"containerd did not answer within 30 s; see {places.LOGS}/containerd.log")
        time.sleep(0.1)


def install() -> None:
    _await(_own_images)
    kubectl("apply", "-f", str(_FILES))
    for number in range(places.VOLUME_COUNT):
        volumes.make(number)
    for deployment in ("coredns", "metrics-server"):
        kubectl("-n", "kube-system", "rollout", "status", f"deployment/{deployment}", _ROLLOUT)
    _await(_all_images)


def _await(images: threading.Event) -> None:
    if not images.wait(_IMPORT_SECONDS):
        raise TimeoutError(f"images were not imported within {_IMPORT_SECONDS} s; the lines above say why")
