"""Look at every object of a render and name each offender with its value; a sweep that looked at nothing fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml

from tests.chart.render import Object, name

T = TypeVar("T")

_TEMPLATED = ("Deployment", "StatefulSet", "DaemonSet", "Job")


@dataclass(frozen=True)
class Pod:
    """One pod that the chart makes, or has made: also Airflow's task pods and `helm test`'s."""

    #: Kind and name of what makes it.
    owner: str
    metadata: dict[str, Any]
    spec: dict[str, Any]

    @property
    def kind(self) -> str:
        return self.owner.split("/")[0]

    @property
    def labels(self) -> dict[str, str]:
        return self.metadata.get("labels") or {}

    @property
    def annotations(self) -> dict[str, str]:
        return self.metadata.get("annotations") or {}

    @property
    def part(self) -> str:
        """`subchart/component`, such as "api/worker"."""
        return "/".join(self.labels.get(f"app.kubernetes.io/{key}", "") for key in ("name", "component"))

    @property
    def containers(self) -> list[dict[str, Any]]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def long_running(self) -> bool:
        return self.kind in ("Deployment", "StatefulSet", "DaemonSet")


@dataclass(frozen=True)
class Container:
    pod: Pod
    spec: dict[str, Any]
    init: bool

    def __str__(self) -> str:
        return f"{self.pod.owner} container {self.spec['name']}"


def pods(rendered: Iterable[Object]) -> Iterator[Pod]:
    for thing in rendered:
        kind = thing["kind"]
        if kind in _TEMPLATED:
            yield _pod(name(thing), thing["spec"]["template"])
        elif kind == "CronJob":
            yield _pod(name(thing), thing["spec"]["jobTemplate"]["spec"]["template"])
        elif kind == "Pod":
            yield _pod(name(thing), thing)
        elif kind == "ConfigMap":
            yield from _pod_templates(thing)


def _pod(owner: str, template: Object) -> Pod:
    return Pod(owner, template.get("metadata") or {}, template["spec"])


def _pod_templates(config: Object) -> Iterator[Pod]:
    """Airflow's KubernetesExecutor makes its task pods from a file in a ConfigMap."""
    for key, value in (config.get("data") or {}).items():
        if key.endswith(".yaml") and re.search(r"^kind: Pod$", value, re.MULTILINE):
            yield _pod(f"{name(config)}:{key}", yaml.safe_load(value))


def containers(rendered: Iterable[Object]) -> Iterator[Container]:
    for pod in pods(rendered):
        for spec in pod.containers:
            yield Container(pod, spec, spec in pod.spec.get("initContainers", []))


def sweep(things: Iterable[T], fault: Callable[[T], object], *, called: Callable[[T], object] = str) -> None:
    """`fault` says what is wrong with a thing, or None, "" or [] when nothing is."""
    looked_at = list(things)
    assert looked_at, "the sweep looked at nothing: the objects it is about are not rendered"
    faults = [f"{called(thing)}: {wrong}" for thing in looked_at if (wrong := fault(thing))]
    assert not faults, "\n" + "\n".join(faults)


def owner(pod: Pod) -> str:
    return pod.owner
