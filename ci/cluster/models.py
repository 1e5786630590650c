"""A real vLLM and its tiny model as a folder that pods mount: six gigabytes are no image.

It lies in the user's cache under a name made of the lock, and is made once. A pod needs the image `images.VLLM` and a
volume of this folder at /models, which is where the chart mounts a model's volume.

    python -m ci.cluster.models          makes it (minutes the first time) and prints it
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import fasteners

from ci.cluster import images
from ci.cluster.parts import ClusterError, digest
from ci.models import places, weights

#: The model's folder in the volume, and what the chart calls it.
MODEL = "tiny"
_BUILDER = "models"
#: By the image's own Python: pods read the volume and write no bytecode. A file for another Python may fail; that the
#: server's modules load is what counts.
_COMPILE = "python3 -m compileall -q -j 2 /models/python; exec python3 -c 'import vllm.entrypoints.openai.api_server'"


def volume() -> Path:
    """The folder, made when it is not there yet."""
    try:
        folder = places.packages(images.PYTHON_VERSION)
    except places.NotReadied as error:
        raise ClusterError(str(error)) from None
    ready = folder / f".pods-{digest(repr(images.VLLM), weights.DIGEST)}"
    with fasteners.InterProcessLock(folder / ".pods.lock"):
        if not ready.exists():
            shutil.copytree(weights.folder(), folder / MODEL, dirs_exist_ok=True)
            _compile(folder)
            ready.touch()
    return folder


def _compile(folder: Path) -> None:
    began = time.monotonic()
    print(f"cluster: {folder} is being compiled for pods", flush=True)
    images.buildah(["pull", "--quiet", f"docker-archive:{images.base(images.VLLM)}"], what="the image for vLLM")
    images.buildah(["from", "--pull-never", "--name", _BUILDER, images.VLLM.image], what="the image for vLLM")
    try:
        mounted = ["--volume", f"{folder}:/models", "--env", "HOME=/tmp", "--env", "VLLM_TARGET_DEVICE=cpu"]
        command = ["run", "--isolation", "chroot", *mounted, _BUILDER, "--", "sh", "-c", _COMPILE]
        images.buildah(command, what=f"vLLM in {folder}")
    finally:
        images.buildah(["rm", _BUILDER], what="the image for vLLM")
    print(f"cluster: vLLM for pods is ready after {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    try:
        print(volume())
    except ClusterError as error:
        print(f"cluster: {error}", file=sys.stderr)
        sys.exit(1)
