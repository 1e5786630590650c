"""A cluster as the tests see it: kubectl, helm, and programs inside pods.

The node of `make cluster-up` by default, whose network the tests run in, as a client outside the pods does;
`E2E_CONTEXT=minikube` names any other cluster that kubectl knows.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from ci.cluster import enter

ROOT = Path(__file__).resolve().parents[2]
#: One object as Kubernetes gives it.
Object = dict[str, Any]
T = TypeVar("T")


class Failed(AssertionError):
    """A command that had to succeed: what was run and what it said."""


def until(look: Callable[[], T | None], what: str, *, seconds: float, pause: float = 0.3) -> T:
    """The first true answer of `look`; an AssertionError that names what did not come."""
    end = time.monotonic() + seconds
    while True:
        if found := look():
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come within {seconds:g} s; last seen: {found!r}")
        time.sleep(pause)


class Cluster:
    """One Kubernetes; every command has a limit."""

    def __init__(self) -> None:
        self.context = os.environ.get("E2E_CONTEXT", "")
        self.environment = dict(os.environ) if self.context else enter.environment()

    @property
    def is_own_node(self) -> bool:
        """Whether it is the node of `make cluster-up`, whose processes and network a test may touch."""
        return not self.context

    def run(
        self, *words: str, stdin: str | None = None, seconds: float = 120, env: Mapping[str, str] | None = None
    ) -> str:
        """What the command prints; Failed with its own words when it fails."""
        done = self.attempt(*words, stdin=stdin, seconds=seconds, env=env)
        if done.returncode != 0:
            raise Failed(
                f"{' '.join(words)[:400]}: exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
            )
        return done.stdout

    def attempt(
        self, *words: str, stdin: str | None = None, seconds: float = 120, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            list(words),
            cwd=ROOT,
            env={**self.environment, **(env or {})},
            input=stdin,
            text=True,
            capture_output=True,
            check=False,
            timeout=seconds,
        )

    def kubectl(self, *words: str, stdin: str | None = None, seconds: float = 120) -> str:
        where = ["--context", self.context] if self.context else []
        return self.run("kubectl", *where, *words, stdin=stdin, seconds=seconds)

    def helm(self, *words: str, seconds: float = 300) -> str:
        where = ["--kube-context", self.context] if self.context else []
        return self.run("helm", *where, *words, seconds=seconds)

    def get(self, namespace: str, kind: str, name: str = "", *, labels: str = "") -> Any:
        """One object, or the list of them."""
        words = ["get", kind, *([name] if name else []), *(["-l", labels] if labels else [])]
        found = json.loads(self.kubectl("-n", namespace, *words, "-o", "json"))
        return found if name else found["items"]

    def apply(self, *things: Object) -> None:
        items = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(things)})
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=items)

    def rollout(self, namespace: str, *names: str, seconds: int = 180) -> None:
        for name in names:
            self.kubectl("-n", namespace, "rollout", "status", name, f"--timeout={seconds}s", seconds=seconds + 10)

    def python(self, namespace: str, pod: str, code: str, *, container: str = "", seconds: float = 60) -> str:
        """What a program prints inside a pod of the platform's image."""
        where = ["-c", container] if container else []
        return self.kubectl("-n", namespace, "exec", pod, *where, "--", "python", "-c", code, seconds=seconds)

    @cached_property
    def node(self) -> str:
        return str(self.get("default", "nodes")[0]["metadata"]["name"])


def ready(pod: Object) -> bool:
    """Whether it is to get traffic: ready, and not on its way out."""
    conditions = pod.get("status", {}).get("conditions", [])
    return "deletionTimestamp" not in pod["metadata"] and any(
        c["type"] == "Ready" and c["status"] == "True" for c in conditions
    )


def restarts(pods: Sequence[Object]) -> dict[str, int]:
    return {
        pod["metadata"]["name"]: sum(c["restartCount"] for c in pod["status"].get("containerStatuses", []))
        for pod in pods
    }
