"""Replicas, autoscalers, disruption budgets and GPUs: who owns a number, and what a drained node may take."""

from __future__ import annotations

import re

import pytest

from tests.chart.render import ENVIRONMENTS, Case, Object, environment, find, name, objects, of_kind
from tests.chart.sweep import pods, sweep

_SCALERS = ("HorizontalPodAutoscaler", "ScaledObject")


def _scaled(rendered: tuple[Object, ...]) -> dict[str, list[str]]:
    """What is scaled -> its scalers."""
    found: dict[str, list[str]] = {}
    for scaler in of_kind(rendered, *_SCALERS):
        target = scaler["spec"]["scaleTargetRef"]
        found.setdefault(f"{target.get('kind', 'Deployment')}/{target['name']}", []).append(name(scaler))
    return found


def test_what_an_autoscaler_owns_has_no_replicas(each: Case) -> None:
    rendered = objects(each)
    scaled = _scaled(rendered)
    targets = [find(rendered, target) for target in scaled]
    if each.values[-1] in ("values/minikube.yaml", "ci/all-off-values.yaml"):
        assert not targets, "one node scales nothing"
        return
    sweep(targets, lambda t: "replicas" in t["spec"] and f"replicas: {t['spec']['replicas']}", called=name)


def test_what_no_autoscaler_owns_says_its_replicas(each: Case) -> None:
    rendered = objects(each)
    free = [t for t in of_kind(rendered, "Deployment", "StatefulSet") if name(t) not in _scaled(rendered)]
    sweep(free, lambda t: "replicas" not in t["spec"] and "no replicas", called=name)


def test_nothing_has_two_autoscalers() -> None:
    sweep(_scaled(objects(environment("gke", "all-on"))).items(), lambda item: len(item[1]) > 1 and item[1])


def test_a_disruption_budget_stands_only_where_a_pod_can_be_spared(each: Case) -> None:
    rendered = objects(each)
    for budget in of_kind(rendered, "PodDisruptionBudget"):
        labels = budget["spec"]["selector"]["matchLabels"].items()
        guarded = [w for w in of_kind(rendered, "Deployment", "StatefulSet") if labels <= _pod_labels(w).items()]
        assert guarded, f"{name(budget)} guards nothing"
        assert budget["spec"].get("maxUnavailable") == 1, f"{name(budget)}: {budget['spec']}"
        assert all(_most(rendered, w) > 1 for w in guarded), f"{name(budget)} would block every drain"


def test_all_on_has_disruption_budgets() -> None:
    assert of_kind(objects(environment("gke", "all-on")), "PodDisruptionBudget")


def _pod_labels(workload: Object) -> dict[str, str]:
    labels: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return labels


def _most(rendered: tuple[Object, ...], workload: Object) -> int:
    """How many pods a workload can have."""
    for scaler in of_kind(rendered, *_SCALERS):
        if scaler["spec"]["scaleTargetRef"]["name"] == workload["metadata"]["name"]:
            return int(scaler["spec"].get("maxReplicas") or scaler["spec"]["maxReplicaCount"])
    return int(workload["spec"]["replicas"])


def test_a_rollout_never_takes_capacity_away(each: Case) -> None:
    def fault(deployment: Object) -> object:
        strategy = deployment["spec"].get("strategy") or {}
        if strategy.get("type") == "Recreate":
            return None if _uses_gpu(deployment) or _mounts_claim(deployment) else "Recreate without need"
        rolling = strategy.get("rollingUpdate") or {}
        return None if rolling.get("maxUnavailable") == 0 or _uses_gpu(deployment) else strategy

    sweep(of_kind(objects(each), "Deployment"), fault, called=name)


def _uses_gpu(deployment: Object) -> bool:
    return any(_gpus(c) for c in deployment["spec"]["template"]["spec"]["containers"])


def _mounts_claim(deployment: Object) -> bool:
    return any("persistentVolumeClaim" in v for v in deployment["spec"]["template"]["spec"].get("volumes", []))


def _gpus(container: Object) -> int:
    limits = (container.get("resources") or {}).get("limits") or {}
    return int(limits.get("nvidia.com/gpu", 0))


@pytest.mark.parametrize("env", ["gke", "eks"])
@pytest.mark.parametrize("count", [1, 2])
def test_gpus_follow_tensor_parallelism(env: str, count: int) -> None:
    rendered = objects(environment(env, sets={"vllm.gpu.count": count, "vllm.gpu.tensorParallelSize": count}))
    server = next(p for p in pods(rendered) if p.part == "vllm/server" and p.long_running).spec["containers"][0]
    words = " ".join(str(w) for w in [*server.get("command", []), *server.get("args", [])])
    said = re.search(r"--tensor-parallel-size[= ](\d+)", words)
    assert said
    assert (int(said[1]), _gpus(server)) == (count, count)
    assert server["resources"]["requests"]["nvidia.com/gpu"] == server["resources"]["limits"]["nvidia.com/gpu"]


def test_minikube_asks_for_no_gpu_and_fits_two_cores() -> None:
    rendered = objects(environment("minikube"))
    workloads = of_kind(rendered, "Deployment", "StatefulSet")
    assert not [name(w) for w in workloads if _uses_gpu(w)]
    cores = sum(_cpu(w) * _least(rendered, w) for w in workloads)
    assert 0 < cores <= 1.6, f"{cores} cores requested; two cores have 0.4 for the system and for one task pod"


def _least(rendered: tuple[Object, ...], workload: Object) -> int:
    for scaler in of_kind(rendered, *_SCALERS):
        if scaler["spec"]["scaleTargetRef"]["name"] == workload["metadata"]["name"]:
            return int(scaler["spec"].get("minReplicas") or scaler["spec"]["minReplicaCount"])
    return int(workload["spec"]["replicas"])


def _cpu(workload: Object) -> float:
    asked = [c["resources"]["requests"]["cpu"] for c in workload["spec"]["template"]["spec"]["containers"]]
    return sum(float(str(a)[:-1]) / 1000 if str(a).endswith("m") else float(a) for a in asked)


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_three_replicas_without_the_autoscaler(env: str) -> None:
    sets = {"api.autoscaling.enabled": False, "api.replicaCount": 3}
    assert find(objects(environment(env, sets=sets)), "Deployment/wo-api")["spec"]["replicas"] == 3
