"""What of a release's objects a change would touch: two looks that are equal mean that nothing was changed."""

from __future__ import annotations

from tests.cluster.kube import Object
from tests.cluster.release import Release

_KINDS = (
    "deployments,statefulsets,services,configmaps,jobs,cronjobs,networkpolicies,ingresses,hpa,pdb,pvc,serviceaccounts"
)


def rendered(release: Release) -> str:
    """What `helm template` makes of it, without hooks and test pods."""
    values = [f"--values={file}" for file in release.values]
    return release.cluster.helm(
        "template", release.name, ".", "--namespace", release.namespace, *values, "--no-hooks", "--skip-tests"
    )


def apply(release: Release, manifest: str) -> None:
    release.kubectl("apply", "--server-side", "-f", "-", stdin=manifest)


def difference(release: Release, manifest: str) -> str:
    """What the server would change if it were applied once more; empty is nothing."""
    done = release.cluster.attempt(
        "kubectl", "-n", release.namespace, "diff", "--server-side", "-f", "-", stdin=manifest
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def state(release: Release) -> dict[str, tuple[str, object, object]]:
    """Of each object what a change would touch; its status may move by itself."""
    return {_name(thing): _essence(thing) for thing in release.cluster.get(release.namespace, _KINDS)}


def _name(thing: Object) -> str:
    return f"{thing['kind']}/{thing['metadata']['name']}"


def _essence(thing: Object) -> tuple[str, object, object]:
    meta = thing["metadata"]
    content = thing.get("data") if thing["kind"] == "ConfigMap" else meta.get("generation")
    return (
        meta["uid"],
        content,
        (meta.get("labels"), meta.get("annotations") if thing["kind"] != "Deployment" else None),
    )
