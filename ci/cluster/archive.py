"""An image as one file, written without any tool: one layer and what to run. Container runtimes import it."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path


def of_program(target: Path, name: str, program: Path) -> None:
    """An image of one static program and nothing else."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.addfile(_entry(program.name, program.stat().st_size, mode=0o755), io.BytesIO(program.read_bytes()))
        folder = _entry("tmp", 0, mode=0o1777)
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
    write(target, name, layer.getvalue(), {"Entrypoint": [f"/{program.name}"]})


def write(target: Path, name: str, layer: bytes, settings: dict[str, object]) -> None:
    """The archive that `docker save` would write."""
    found = hashlib.sha256(layer).hexdigest()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{found}"]},
        "history": [{"created_by": "ci.cluster.archive"}],
    }
    text = json.dumps(config).encode()
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": [f"{found}/layer.tar"]}]
    aside = target.with_suffix(".part")
    with tarfile.open(aside, "w") as tar:
        for file, content in (
            ("config.json", text),
            (f"{found}/layer.tar", layer),
            ("manifest.json", json.dumps(manifest).encode()),
        ):
            tar.addfile(_entry(file, len(content), mode=0o644), io.BytesIO(content))
    aside.rename(target)


def _entry(name: str, size: int, *, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, mode
    return entry
