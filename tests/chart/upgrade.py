"""What Kubernetes refuses to change in an object that exists, for comparing two releases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.chart.render import Object, name

#: Kind -> fields that cannot change once the object is there.
IMMUTABLE = {
    "Deployment": ("spec.selector",),
    "StatefulSet": ("spec.selector", "spec.serviceName", "spec.podManagementPolicy", "spec.volumeClaimTemplates"),
    "Job": ("spec.template", "spec.selector", "spec.completions"),
    "PersistentVolumeClaim": ("spec.accessModes", "spec.storageClassName", "spec.volumeName", "spec.volumeMode"),
    "RoleBinding": ("roleRef",),
    "Service": ("spec.clusterIP",),
}
#: Kinds whose loss loses data or restarts what holds it.
KEPT = ("PersistentVolumeClaim", "StatefulSet")


def faults(old: Sequence[Object], new: Sequence[Object]) -> Iterator[str]:
    """Why `helm upgrade` from old to new would be refused, or lose data."""
    after = {name(thing): thing for thing in new}
    for thing in old:
        successor = after.get(name(thing))
        if successor is not None:
            yield from (f"{name(thing)} {field} changes" for field in _changed(thing, successor))
        elif thing["kind"] in KEPT:
            yield f"{name(thing)} is gone"


def _changed(old: Object, new: Object) -> Iterator[str]:
    for path in IMMUTABLE.get(old["kind"], ()):
        if _at(old, path) != _at(new, path):
            yield path


def _at(thing: Object, path: str) -> object:
    value: object = thing
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def claims(rendered: Sequence[Object]) -> set[str]:
    """Every claim of a release by name: those it names, and those its StatefulSets make."""
    named = {t["metadata"]["name"] for t in rendered if t["kind"] == "PersistentVolumeClaim"}
    for thing in rendered:
        if thing["kind"] == "StatefulSet":
            templates = thing["spec"].get("volumeClaimTemplates", [])
            named |= {f"{c['metadata']['name']}-{thing['metadata']['name']}-0" for c in templates}
    return named
