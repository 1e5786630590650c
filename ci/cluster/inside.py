"""kubectl for the node's own helpers, as its administrator. Runs inside the node."""

from __future__ import annotations

import subprocess

from ci.cluster import parts, places


def kubectl(*arguments: str, stdin: str | None = None) -> str:
    """What it prints; OSError with its own words when it fails."""
    done = subprocess.run(
        [str(parts.ready()["kubectl"]), f"--kubeconfig={places.KUBECONFIG}", *arguments],
        input=stdin,
        text=True,
        capture_output=True,
        check=False,
        timeout=150,
    )
    if done.returncode:
        raise OSError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
