"""The cluster's programs at pinned versions, checked by hash, built once into the user's cache folder.

Each group has a folder in parts/ with its own go.mod and go.sum, because their dependencies disagree. The cache is
keyed by those files and by how they are built: a changed version is built anew, an old one is never taken for it.

    python -m ci.cluster.parts            ready all of them (minutes once, then a checksum)
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import fasteners

_HERE = Path(__file__).parent / "parts"
# a build from nothing takes the two cores five minutes; the rest is for a busy machine
_BUILD_SECONDS = 1500
_KUBERNETES = "v1.34.4"


@dataclass(frozen=True)
class Group:
    """Programs that one go.mod pins."""

    # folder under parts/
    name: str
    # Go packages; each becomes a program of its last path segment, or of `program` below
    packages: tuple[str, ...]
    # name of the only program, where the package's last segment is another
    program: str = ""
    # variables set at link time: what the program says of itself
    variables: tuple[str, ...] = ()

    @property
    def programs(self) -> list[str]:
        return [self.program] if self.program else [package.rsplit("/", 1)[1] for package in self.packages]


GROUPS = (
    Group(
        "kubernetes",
        tuple(
            f"k8s.io/kubernetes/cmd/{name}"
            for name in (
                "kube-apiserver",
                "kube-controller-manager",
                "kube-scheduler",
                "kube-proxy",
                "kubelet",
                "kubectl",
            )
        ),
        variables=(
            f"k8s.io/component-base/version.gitVersion={_KUBERNETES}",
            "k8s.io/component-base/version.gitMajor=1",
            "k8s.io/component-base/version.gitMinor=34",
            f"k8s.io/client-go/pkg/version.gitVersion={_KUBERNETES}",
        ),
    ),
    Group("etcd", ("go.etcd.io/etcd/server/v3",), program="etcd"),
    Group("coredns", ("github.com/coredns/coredns",)),
    Group("metrics-server", ("sigs.k8s.io/metrics-server/cmd/metrics-server",)),
    Group("kube-router", ("github.com/cloudnativelabs/kube-router/v2/cmd/kube-router",)),
    Group("pause", ("workflow-orchestration/ci/cluster/parts/pause",)),
)


class ClusterError(Exception):
    """Something the person at the terminal must know; printed as one line, exit 1."""


def cache() -> Path:
    """The user's cache folder of this project."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "workflow-orchestration"


def digest(*parts: str | bytes) -> str:
    """A short name for a content; what is cached under it is what it was made from."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part.encode() if isinstance(part, str) else part)
        total.update(b"\0")
    return total.hexdigest()[:16]


def folder(group: Group) -> Path:
    files = sorted((_HERE / group.name).iterdir())
    return cache() / "cluster" / f"{group.name}-{digest(repr(group), *(file.read_bytes() for file in files))}"


def ready() -> dict[str, Path]:
    """Every program by its name, built first where the cache has none."""
    found: dict[str, Path] = {}
    for group in GROUPS:
        place = folder(group)
        place.parent.mkdir(parents=True, exist_ok=True)
        with fasteners.InterProcessLock(place.with_suffix(".lock")):
            if not place.exists():
                _build(group, place)
        found.update({name: place / name for name in group.programs})
    return found


def _build(group: Group, place: Path) -> None:
    """Built aside and moved at once: a stopped build leaves nothing that looks whole."""
    if shutil.which("go") is None:
        raise ClusterError("Go is not installed; the cluster's parts need Go 1.26 or newer")
    began = time.monotonic()
    print(f"cluster: {group.name} is being built", flush=True)
    aside = place.with_suffix(f".{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    flags = " ".join(["-s -w", *(f"-X {variable}" for variable in group.variables)])
    # a path that ends in / takes several programs, each under its own name
    target = f"{aside}/{group.program}"
    done = subprocess.run(
        ["nice", "-n", "19", "go", "build", "-ldflags", flags, "-o", target, *group.packages],
        cwd=_HERE / group.name,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -trimpath -p=2"},
        timeout=_BUILD_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        shutil.rmtree(aside)
        raise ClusterError(f"{group.name} could not be built; the lines above say why")
    aside.rename(place)
    print(f"cluster: {group.name} is built after {time.monotonic() - began:.0f} s", flush=True)


def main() -> int:
    try:
        ready()
    except ClusterError as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
