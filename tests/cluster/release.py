"""One installed release: made as an operator makes it, and the people who speak to its API."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.kube import ROOT, Cluster, Object, ready, until
from tests.failure.harness.site import KEY
from workflow_orchestration.api import tokens
from workflow_orchestration.settings import IssuerSettings

NAMESPACE = "workflow-orchestration"
SECRET = "wo-secrets"
OVERLAY = "tests/cluster/values.yaml"
#: Stands for an identity provider; this cluster lives for minutes.
ISSUER_KEY = KEY


@dataclass
class Release:
    """A release in its namespace, through the operator's own commands."""

    cluster: Cluster
    folder: Path
    name: str = "wo"
    namespace: str = NAMESPACE
    values: tuple[str, ...] = ("values/minikube.yaml", OVERLAY)
    #: Keys of the Secret that only the operator knows.
    given: Mapping[str, str] = field(default_factory=dict)
    #: Seconds from `helm install` until every pod was ready.
    seconds: float = 0.0

    @property
    def secret_file(self) -> Path:
        return self.folder / "cluster.env"

    def prepare(self) -> None:
        """Namespace and Secret, as docs/howto/deploy-minikube.md has them."""
        self.cluster.kubectl("create", "namespace", self.namespace)
        label = "pod-security.kubernetes.io/enforce=restricted"
        self.cluster.kubectl("label", "namespace", self.namespace, label)
        if not self.secret_file.exists():
            database = f"{self.name}-checkpoints:5432/wo"
            self.cluster.run(
                "wo", "env", "--target", "cluster", "--database", database, "--write", str(self.secret_file),
                env={"LOCAL_ISSUER_KEY": ISSUER_KEY, **self.given},
            )  # fmt: skip
        self.cluster.kubectl(
            "create", "secret", "generic", SECRET, "-n", self.namespace, f"--from-env-file={self.secret_file}"
        )

    def install(self, *extra: str, chart: str = ".", seconds: int = 240) -> None:
        began = time.monotonic()
        self.cluster.helm("install", self.name, chart, *self._flags(), *extra, "--wait", f"--timeout={seconds}s",
                          seconds=seconds + 60)  # fmt: skip
        self.seconds = time.monotonic() - began

    def upgrade(self, *extra: str, chart: str = ".", seconds: int = 240) -> None:
        self.cluster.helm("upgrade", self.name, chart, *self._flags(), *extra, "--wait", f"--timeout={seconds}s",
                          seconds=seconds + 60)  # fmt: skip

    def uninstall(self) -> None:
        self.cluster.helm("uninstall", self.name, "--namespace", self.namespace, "--wait", "--timeout=180s")

    def _flags(self) -> list[str]:
        return ["--namespace", self.namespace, *(f"--values={file}" for file in self.values)]

    def pods(self, component: str) -> list[Object]:
        """Pods of one component, those on their way out aside."""
        labels = f"app.kubernetes.io/instance={self.name},app.kubernetes.io/component={component}"
        found: list[Object] = self.cluster.get(self.namespace, "pods", labels=labels)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def ready_pods(self, component: str) -> list[str]:
        return [pod["metadata"]["name"] for pod in self.pods(component) if ready(pod)]

    def await_ready(self, component: str, count: int = 1, *, seconds: float = 120) -> list[str]:
        return until(
            lambda: found if len(found := self.ready_pods(component)) >= count else None,
            f"{count} ready pods of {component}",
            seconds=seconds,
        )

    def kubectl(self, *words: str, stdin: str | None = None, seconds: float = 120) -> str:
        return self.cluster.kubectl("-n", self.namespace, *words, stdin=stdin, seconds=seconds)

    def database(self, statement: str) -> list[list[str]]:
        """Rows of a query, asked by the administrator inside PostgreSQL's pod."""
        shell = (
            'for folder in /usr/lib/postgresql/*/bin; do PATH="$folder:$PATH"; done; '
            'PGPASSWORD=$(cat /etc/postgres-password/password) psql -U postgres -d wo -AtX -c "$0"'
        )
        out = self.kubectl("exec", f"{self.name}-checkpoints-0", "--", "sh", "-c", shell, statement)
        return [line.split("|") for line in out.splitlines() if line]

    def outbox(self) -> list[str]:
        """Names of the files that the receiver has: what left, read apart from the database."""
        worker = self.await_ready("worker")[0]
        listed = self.cluster.python(
            self.namespace, worker, "import os, json; p='/var/lib/wo/outbox'; "
            "print(json.dumps(sorted(f for f in os.listdir(p) if f.endswith('.fin')) if os.path.isdir(p) else []))"
        )  # fmt: skip
        found: list[str] = json.loads(listed)
        return found


def settings(url: str = "") -> IssuerSettings:
    """What a client on this machine has: the API's address and the issuer's key."""
    return IssuerSettings(api_url=url, local_issuer_key=ISSUER_KEY)


def token(user: str, roles: Sequence[str]) -> str:
    """A token of the local issuer, as `wo token` makes it."""
    return tokens.issue(settings(), user, roles, ["*"], 240)


def version(root: Path = ROOT) -> str:
    """The chart's appVersion."""
    line = next(row for row in (root / "Chart.yaml").read_text().splitlines() if row.startswith("appVersion:"))
    return line.split(":")[1].strip().strip('"')
