"""An upgrade from the stored previous release changes nothing that Kubernetes refuses to change, and loses no data.

The archive in tests/chart/previous is what was published; its image and its migrations are one older.
"""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml

from tests.chart.render import (
    ENVIRONMENTS,
    ROOT,
    SCENARIOS,
    Case,
    Object,
    case,
    environment,
    find,
    name,
    objects,
    of_kind,
)
from tests.chart.sweep import sweep
from tests.chart.upgrade import claims, faults

PREVIOUS = ROOT / "tests" / "chart" / "previous"

every_render = pytest.mark.parametrize(("env", "scenario"), [(e, s) for e in ENVIRONMENTS for s in SCENARIOS])


def _before(env: str, scenario: str) -> Case:
    # the scenario as that release knew it: ours may set values that it refuses
    values = (f"values/{env}.yaml", f"tests/chart/previous/{scenario}-values.yaml")
    return case(values=values, chart=str(_archive()))


def _archive() -> Path:
    """The one archive of the previous release."""
    [archive] = PREVIOUS.glob("*.tgz")
    return archive


@every_render
def test_nothing_immutable_changes(env: str, scenario: str) -> None:
    old, new = objects(_before(env, scenario)), objects(environment(env, scenario))
    assert old
    assert not list(faults(old, new))


@every_render
def test_no_claim_is_lost(env: str, scenario: str) -> None:
    assert claims(objects(_before(env, scenario))) <= claims(objects(environment(env, scenario)))


def test_a_new_version_alone_does_not_restart_the_database() -> None:
    """Its pod is one: a changed template is an outage. (A release that changes its settings must, and says so.)"""
    before, after = objects(_before("minikube", "all-on")), objects(environment("minikube", "all-on"))
    old, new = (find(rendered, "StatefulSet/wo-checkpoints") for rendered in (before, after))
    assert old["spec"]["template"] == new["spec"]["template"]


def test_a_new_image_migrates_under_a_new_name() -> None:
    old, new = (_migrations(c) for c in (_before("gke", "all-on"), environment("gke", "all-on")))
    assert old
    assert new
    assert not old & new


def test_the_same_release_migrates_under_the_same_name() -> None:
    assert _migrations(environment("gke", kube="1.28.15")) == _migrations(environment("gke", kube="1.34.4"))


def test_rerun_migrates_once_more() -> None:
    again = environment("gke", sets={"api.migrations.rerun": "2"})
    assert not _migrations(environment("gke")) & _migrations(again)


def _migrations(wanted: Case) -> set[str]:
    jobs = [j for j in of_kind(objects(wanted), "Job") if "-api-migrate-" in j["metadata"]["name"]]
    assert not [j for j in jobs if "ttlSecondsAfterFinished" in j["spec"]], "a Job that vanishes would run again"
    assert not [j for j in jobs if "helm.sh/hook" in (j["metadata"].get("annotations") or {})]
    return {name(j) for j in jobs}


def test_a_changed_selector_is_found() -> None:
    old = objects(environment("gke"))
    new: list[Object] = copy.deepcopy(list(old))
    find(new, "Deployment/wo-api")["spec"]["selector"]["matchLabels"]["app"] = "api"
    assert list(faults(old, new)) == ["Deployment/wo-api spec.selector changes"]


def test_the_previous_release_is_older() -> None:
    now = yaml.safe_load((ROOT / "Chart.yaml").read_text())["version"]
    assert _numbers(_archive().stem.rsplit("-", 1)[1]) < _numbers(now)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def test_nothing_but_helm_test_is_a_hook(each: Case) -> None:
    # a hook runs before or after what it needs, and no GitOps controller runs it as Helm does
    def fault(thing: Object) -> str | None:
        hook = (thing["metadata"].get("annotations") or {}).get("helm.sh/hook")
        return None if hook in (None, "test") else str(hook)

    sweep(objects(each), fault, called=name)


def test_uninstall_keeps_the_data() -> None:
    rendered = objects(environment("minikube", "all-on"))
    # logs and a model's weights can be lost; dumps and the log's anchor cannot
    claims_of_data = [
        find(rendered, f"PersistentVolumeClaim/{n}") for n in ("wo-checkpoints-backup", "wo-api-worker-state")
    ]

    def fault(thing: Object) -> object:
        if thing["kind"] == "StatefulSet":
            policy = thing["spec"].get("persistentVolumeClaimRetentionPolicy")
            return policy != {"whenDeleted": "Retain", "whenScaled": "Retain"} and policy
        kept = (thing["metadata"].get("annotations") or {}).get("helm.sh/resource-policy")
        return kept != "keep" and f"resource-policy {kept}"

    sweep([*claims_of_data, *of_kind(rendered, "StatefulSet")], fault, called=name)
