"""Names and labels: what selects never changes, what people read is complete, nothing is cut into a collision."""

from __future__ import annotations

from collections.abc import Iterator

from tests.chart.render import NAMESPACE, Case, Object, environment, name, objects, of_kind
from tests.chart.sweep import pods, sweep

SELECTING = {"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component"}
#: The official Airflow chart's labels; its users select by them.
AIRFLOWS = {"tier", "component", "release"}
CHANGING = {"helm.sh/chart", "app.kubernetes.io/version", "app.kubernetes.io/managed-by"}
RECOMMENDED = SELECTING | CHANGING | {"app.kubernetes.io/part-of"}


def test_every_object_says_its_namespace(each: Case) -> None:
    # `helm template | kubectl apply` and Argo CD put it elsewhere otherwise
    def fault(thing: Object) -> str | None:
        said = thing["metadata"].get("namespace")
        return None if said == NAMESPACE else f"namespace {said}"

    sweep(objects(each), fault, called=name)


def test_every_object_has_the_recommended_labels(each: Case) -> None:
    # what an operator adds by extraObjects is theirs
    def fault(thing: Object) -> set[str]:
        return RECOMMENDED - set(thing["metadata"].get("labels") or {})

    ours = [t for t in objects(each) if name(t) != "ConfigMap/wo-extra" and "gke.io" not in t["apiVersion"]]
    sweep(ours, fault, called=name)


def test_selectors_hold_only_what_never_changes(each: Case) -> None:
    def fault(thing: Object) -> set[str]:
        return {key for selector in _selectors(thing) for key in selector if key not in SELECTING | AIRFLOWS}

    sweep((t for t in objects(each) if list(_selectors(t))), fault, called=name)


def _selectors(thing: Object) -> Iterator[dict[str, str]]:
    spec = thing.get("spec") or {}
    if thing["kind"] == "Service":
        yield spec["selector"]
    elif thing["kind"] in ("Deployment", "StatefulSet", "PodDisruptionBudget"):
        yield spec["selector"]["matchLabels"]


def test_volume_claims_of_a_set_carry_no_version(each: Case) -> None:
    # they are immutable: a version there breaks every later upgrade
    for workload in of_kind(objects(each), "StatefulSet"):
        for claim in workload["spec"].get("volumeClaimTemplates", []):
            assert not set(claim["metadata"].get("labels") or {}) & CHANGING, name(workload)


def test_pods_carry_the_labels_that_select_them(each: Case) -> None:
    sweep(
        (p for p in pods(objects(each)) if p.kind != "Pod"),
        lambda p: SELECTING - set(p.labels),
        called=lambda p: p.owner,
    )


def test_a_long_release_name_cuts_no_two_names_to_one() -> None:
    rendered = objects(environment("gke", "all-on", release="a" * 53))
    names = [name(t) for t in rendered]
    assert len(names) == len(set(names))
    sweep(rendered, lambda t: len(t["metadata"]["name"]) > _longest(t) and t["metadata"]["name"], called=name)


def _longest(thing: Object) -> int:
    """A StatefulSet's name gets a hash of 11 characters, a CronJob's a time of 11."""
    return 52 if thing["kind"] in ("StatefulSet", "CronJob") else 63


def test_two_releases_share_no_name() -> None:
    first, second = (objects(environment("minikube", "all-on", release=r)) for r in ("wo", "other"))
    assert not {name(t) for t in first} & {name(t) for t in second}
