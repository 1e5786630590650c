"""Folders of a host that a tool may write to without the host seeing it: /run anew, /etc and /var under an overlay.

python -m ci.cluster.private LAYER COMMAND...     (under `unshare --mount`) covers them, then becomes the command
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def cover(layer: Path) -> None:
    """In this mount namespace only; what is written lands in `layer`."""
    # -n: without it mount(8) leaves a /run/mount on the host
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    for name in ("etc", "var"):
        for part in ("upper", "work"):
            (layer / name / part).mkdir(parents=True)
        options = f"lowerdir=/{name},upperdir={layer}/{name}/upper,workdir={layer}/{name}/work"
        _mount("-t", "overlay", "overlay", "-o", options, f"/{name}")


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", "-n", *arguments], check=True, timeout=30)


if __name__ == "__main__":
    home = Path(sys.argv[1]) / "home"
    cover(Path(sys.argv[1]))
    home.mkdir()
    os.environ |= {"HOME": str(home), "TMPDIR": str(home)}
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - this process becomes the command it was given
