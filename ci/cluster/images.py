"""Images without a registry and without a container engine: bases of Debian packages, then the project's Dockerfiles.

Everything lies in the user's cache folder under a name made of what went into it, so a second run builds nothing.

python -m ci.cluster.images NAME...          readies also those that are built on demand, and a running node gets them
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import fasteners

from ci.cluster import addons, archive, enter, parts, places
from ci.cluster.parts import ClusterError, cache, digest

_SUITE = "trixie"
#: The suite's own: what is installed for pods elsewhere must be for this one.
PYTHON_VERSION = "3.13"
_BASE_SECONDS = 600
_BUILD_SECONDS = 1200


@dataclass(frozen=True)
class Base:
    """An image of Debian packages, which stands for the one that a Dockerfile or the chart names."""

    # short name
    name: str
    # tag of the image
    image: str
    packages: tuple[str, ...]
    # shell lines run in the new root, e.g. to give a user the number the chart uses
    hooks: tuple[str, ...] = ()
    settings: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Build:
    """An image of ours, from the very Dockerfile that a user builds."""

    name: str
    image: str
    dockerfile: str
    base: str
    # what the build copies: a change there is another image
    sources: tuple[str, ...]
    version: str
    # the commit it is built from; empty is this checkout as it stands
    commit: str = ""
    # built for those who name it alone: most tests need none of it
    on_demand: bool = False


PYTHON = Base("python", "localhost/base-python:1", ("python3", "python3-venv", "ca-certificates"))
POSTGRES = Base(
    "postgres",
    "postgres:17.6",
    ("postgresql-17", "postgresql-client-17"),
    # the number that the chart's pods run under must have a name in the image
    hooks=("usermod -u 999 postgres && groupmod -g 999 postgres && chown -R postgres:postgres /var/run/postgresql",),
)
#: Stands for an ingress controller, and for clients outside: nginx and curl.
PROXY = Base("proxy", "localhost/proxy:1", ("nginx-light", "curl", "netcat-openbsd"))
#: Stands for vLLM's own image: the libraries that vLLM loads on a CPU. Itself, six gigabytes, is on the volume that the
#: chart mounts at /models: ci/cluster/models.py fills it, and this line lets Python find it there.
VLLM = Base(
    "vllm",
    "localhost/vllm-cpu:1",
    ("python3", "libnuma1", "libgomp1"),
    hooks=("echo /models/python > /usr/lib/python3/dist-packages/models.pth",),
)
BASES = (PYTHON, POSTGRES, PROXY, VLLM)

_SOURCES = ("requirements.lock", "ci/local/requirements-setup.lock", "pyproject.toml", "README.md", "LICENSE", "src")


def _api(name: str, version: str, commit: str = "") -> Build:
    image = f"workflow-orchestration/fastapi:{version}"
    return Build(name, image, "images/api/Dockerfile", PYTHON.name, _SOURCES, version, commit)


#: The previous release's is built from its own commit, some migrations older (tests/chart/previous has its chart).
BUILDS = (
    _api("fastapi", "0.1.0"),
    _api("fastapi-previous", "0.0.9", commit="4bd92ec"),
    # stands for apache/airflow, which our Dockerfile names
    Build(
        "airflow-base",
        "localhost/base-airflow:3.3.2",
        "ci/cluster/airflow.Dockerfile",
        PYTHON.name,
        ("ci/cluster/airflow.lock",),
        "3.3.2",
        on_demand=True,
    ),
    Build(
        "airflow",
        "workflow-orchestration/airflow:0.1.0",
        "images/airflow/Dockerfile",
        "airflow-base",
        ("ci/local/requirements-setup.lock", "src/airflow_provider", "images/airflow/dags"),
        "0.1.0",
        on_demand=True,
    ),
)
#: Programs that become images of one file.
_PROGRAMS = ("pause", "coredns", "metrics-server")


def ready(*also: str) -> None:
    """Every image as an archive, linked where the node looks for them; `also` names some that are built on demand."""
    found = _archives(also)
    shutil.rmtree(places.ARCHIVES, ignore_errors=True)
    places.ARCHIVES.mkdir(parents=True)
    for name, path in found.items():
        (places.ARCHIVES / f"{name}.tar").symlink_to(path)


def add(*names: str) -> None:
    """Build these and give them to the node that runs."""
    found = _archives(names)
    for name in names:
        subprocess.run(enter.whole(addons.importing(found[name])), check=True, capture_output=True, timeout=300)
        print(f"cluster: the node has {name}", flush=True)


def _archives(also: Iterable[str]) -> dict[str, Path]:
    """What a node runs, by name; images that only others are built on aside."""
    folder = _folder()
    wanted = _with_bases(also)
    with fasteners.InterProcessLock(folder / "lock"):
        found = {name: _program(folder, name) for name in _PROGRAMS}
        found |= {base.name: _base(folder, base) for base in BASES}
        for build in BUILDS:
            if not build.on_demand or build.name in wanted:
                found[build.name] = _build(folder, build, found[build.base])
    built_on = {build.base for build in BUILDS}
    return {name: path for name, path in found.items() if name not in built_on}


def _with_bases(names: Iterable[str]) -> set[str]:
    bases = {build.name: build.base for build in BUILDS}
    if unknown := set(names) - set(bases):
        raise ClusterError(f"there is no image {', '.join(sorted(unknown))}; there are {', '.join(sorted(bases))}")
    return {*names, *(bases[name] for name in names)}


def base(wanted: Base) -> Path:
    """One base's archive, made when it is not there yet."""
    folder = _folder()
    with fasteners.InterProcessLock(folder / "lock"):
        return _base(folder, wanted)


def _folder() -> Path:
    folder = cache() / "cluster" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _program(folder: Path, name: str) -> Path:
    program = parts.ready()[name]
    target = folder / f"{name}-{digest(str(program.parent.name))}.tar"
    if not target.exists():
        archive.of_program(target, f"localhost/{name}:1", program)
    return target


def _base(folder: Path, base: Base) -> Path:
    target = folder / f"{base.name}-{digest(repr(base), _SUITE, platform.machine())}.tar"
    if not target.exists():
        began = time.monotonic()
        root = target.with_suffix(".root")
        hooks = [f'--customize-hook=chroot "$1" sh -c "{hook}"' for hook in base.hooks]
        # the base's own names and mirror are the machine's: only the network the machine has is used
        command = ["mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", "--format=tar",
                   f"--include={','.join(base.packages)}", *hooks, *_SMALL, _SUITE, str(root)]  # fmt: skip
        _private(command, _BASE_SECONDS, f"the base {base.name}")
        archive.write(target, base.image, root.read_bytes(), {"Env": ["PATH=" + _PATH], **base.settings})
        root.unlink()
        print(f"cluster: base {base.name} is built after {time.monotonic() - began:.0f} s", flush=True)
    return target


_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: What no container reads.
_SMALL = (
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    '--customize-hook=rm -rf "$1"/var/lib/apt/lists "$1"/var/cache/apt',
)


def _build(folder: Path, build: Build, base: Path) -> Path:
    key = digest(repr(build), base.name, *(() if build.commit else _contents([build.dockerfile, *build.sources])))
    target = folder / f"{build.name}-{key}.tar"
    if not target.exists():
        began = time.monotonic()
        name = next(b.image for b in (*BASES, *BUILDS) if b.name == build.base)
        buildah(["pull", "--quiet", f"docker-archive:{base}"], what=f"the base of {build.name}")
        with _sources(build) as context:
            told = {"BASE": name, "VERSION": build.version}
            flags = [word for key, value in told.items() for word in ("--build-arg", f"{key}={value}")]
            file = f"{context}/{build.dockerfile}"
            command = [
                "build",
                "--isolation",
                "chroot",
                "--layers",
                "--pull-never",
                "--file",
                file,
                *flags,
                *_machine(),
            ]
            buildah([*command, "--tag", build.image, str(context)], what=build.image)
        aside = target.with_suffix(".part")
        aside.unlink(missing_ok=True)
        # without buildah's localhost/ before a short name: the runtime then completes it as docker would
        buildah(["push", "--quiet", build.image, f"docker-archive:{aside}:{build.image}"], what=build.image)
        aside.rename(target)
        print(f"cluster: {build.image} is built after {time.monotonic() - began:.0f} s", flush=True)
    return target


@contextlib.contextmanager
def _sources(build: Build) -> Iterator[Path]:
    """This checkout, or a commit's files in a folder of their own."""
    if not build.commit:
        yield places.ROOT
        return
    with tempfile.TemporaryDirectory(dir=cache() / "cluster", prefix="sources-") as folder:
        archived = subprocess.run(
            ["git", "archive", build.commit], cwd=places.ROOT, check=False, capture_output=True, timeout=60
        )
        if archived.returncode:
            said = archived.stderr.decode().strip()
            raise ClusterError(f"commit {build.commit} of {build.image} is not here ({said}): git fetch --unshallow")
        subprocess.run(["tar", "-x", "-C", folder], input=archived.stdout, check=True, timeout=60)
        yield Path(folder)


def buildah(arguments: list[str], *, what: str) -> None:
    """buildah with its storage in the cache, hidden from the host."""
    storage = cache() / "cluster" / "storage"
    own = ["--root", str(storage / "root"), "--runroot", str(storage / "run"), "--storage-driver", "overlay"]
    _private(["buildah", *own, *arguments], _BUILD_SECONDS, what)


def _machine() -> list[str]:
    """What this machine needs to reach its package index, lent to the build and not kept in the image."""
    files = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf")
    return [word for file in files if Path(file).exists() for word in ("--volume", f"{file}:{file}:ro")]


def _contents(names: Iterable[str]) -> Iterable[bytes]:
    for name in names:
        path = places.ROOT / name
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file() and _counts(p))
        for file in files:
            yield str(file.relative_to(places.ROOT)).encode()
            yield file.read_bytes()


def _counts(path: Path) -> bool:
    return "__pycache__" not in path.parts and not any(part.endswith(".egg-info") for part in path.parts)


def _private(command: list[str], seconds: int, what: str) -> None:
    with tempfile.TemporaryDirectory(dir=cache() / "cluster", prefix="private-") as layer:
        done = subprocess.run(
            ["setsid", "--wait", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
             "nice", "-n", "10", sys.executable, "-m", "ci.cluster.private", layer, *command],
            cwd=places.ROOT,
            env={**os.environ, "WO_CLUSTER": places.MARK, "BUILDAH_ISOLATION": "chroot"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )  # fmt: skip
    if done.returncode:
        said = "\n".join(done.stdout.decode(errors="replace").splitlines()[-60:])
        raise ClusterError(f"{what} could not be built (exit {done.returncode}):\n{said}")


if __name__ == "__main__":
    try:
        add(*sys.argv[1:])
    except ClusterError as error:
        print(f"cluster: {error}", file=sys.stderr)
        sys.exit(1)
