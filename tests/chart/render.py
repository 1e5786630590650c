"""The one way to render the chart in tests: real Helm, real values files, objects parsed once and kept.

`CHART_DEBUG=1` prints each helm command. A render that fails raises `Refused` with Helm's words.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
RELEASE = "wo"
NAMESPACE = "workflow-orchestration"
ENVIRONMENTS = ("minikube", "gke", "eks")
#: The oldest and the newest Kubernetes that the chart promises to run on.
KUBES = ("1.28.15", "1.34.4")
SCENARIOS = ("all-on", "all-off")

#: One object as Kubernetes would receive it.
Object = dict[str, Any]

_SECONDS = 60


class Refused(Exception):
    """Helm would not render: its message, for tests that assert the sentence."""


@dataclass(frozen=True)
class Case:
    """One render: what varies between two tests of the same chart."""

    #: Values files, relative to the repository, in the order given to Helm.
    values: tuple[str, ...] = ()
    #: Single values as `key=JSON`, given to Helm last.
    sets: tuple[str, ...] = ()
    kube: str = KUBES[-1]
    release: str = RELEASE
    #: Name of the tool: "helm" is Helm 4, "helm3" its predecessor.
    helm: str = "helm"
    chart: str = "."

    def __str__(self) -> str:
        files = (Path(v).stem.removesuffix("-values") for v in self.values)
        return "-".join([*files, *self.sets, self.kube, self.helm])


def case(*, values: Sequence[str] = (), sets: Mapping[str, object] | None = None, **rest: str) -> Case:
    return Case(values=tuple(values), sets=tuple(f"{k}={json.dumps(v)}" for k, v in (sets or {}).items()), **rest)


def environment(
    name: str, scenario: str | None = None, *, sets: Mapping[str, object] | None = None, **rest: str
) -> Case:
    """values/<name>.yaml, with ci/<scenario>-values.yaml on top."""
    extra = [f"ci/{scenario}-values.yaml"] if scenario else []
    return case(values=[f"values/{name}.yaml", *extra], sets=sets, **rest)


#: Every environment, as it is and with every scenario, on the oldest and the newest Kubernetes: what the sweeps walk.
MATRIX = [environment(e, s, kube=k) for e in ENVIRONMENTS for s in (None, *SCENARIOS) for k in KUBES]


@cache
def tool(name: str) -> str:
    """Where ci/chart/tools.sh keeps a tool; it builds a missing one."""
    done = subprocess.run(
        ["sh", "ci/chart/tools.sh", "path", name], cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE
    )
    return done.stdout.strip()


def run(
    name: str, *args: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a tool; it sees no cluster and no configuration of the person who runs the tests."""
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "KUBECONFIG": "/dev/null", **(env or {})}
    command = [tool(name), *args]
    if os.environ.get("CHART_DEBUG"):
        print(shlex.join(command))
    return subprocess.run(command, cwd=cwd, env=clean, check=False, capture_output=True, text=True, timeout=_SECONDS)


def text(wanted: Case) -> str:
    """What Helm prints, rendered anew."""
    flags = [*(f"--values={v}" for v in wanted.values), *(f"--set-json={s}" for s in wanted.sets)]
    done = run(
        wanted.helm,
        "template",
        wanted.release,
        wanted.chart,
        f"--namespace={NAMESPACE}",
        f"--kube-version={wanted.kube}",
        *flags,
    )
    if done.returncode != 0:
        raise Refused(done.stderr)
    return done.stdout


@lru_cache(maxsize=64)
def objects(wanted: Case) -> tuple[Object, ...]:
    """The objects of a render; rendered and parsed once a session, so tests must not change them."""
    return parse(text(wanted))


def parse(rendered: str) -> tuple[Object, ...]:
    return tuple(document for document in yaml.load_all(rendered, Loader=yaml.CSafeLoader) if document)


def refusal(wanted: Case) -> str:
    """The sentence with which Helm refuses; an AssertionError when it renders after all."""
    try:
        text(wanted)
    except Refused as error:
        return str(error)
    raise AssertionError(f"rendered, but should have been refused: {wanted}")


def of_kind(rendered: Sequence[Object], *kinds: str) -> list[Object]:
    return [thing for thing in rendered if thing["kind"] in kinds]


def name(thing: Object) -> str:
    return f"{thing['kind']}/{thing['metadata']['name']}"


def find(rendered: Sequence[Object], wanted: str) -> Object:
    """The object called `Kind/name`; the message lists what there is of that kind."""
    for thing in rendered:
        if name(thing) == wanted:
            return thing
    kind = wanted.split("/")[0]
    raise AssertionError(f"no {wanted}; there are: {[name(t) for t in of_kind(rendered, kind)]}")
