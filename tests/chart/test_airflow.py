"""Airflow's tasks: the executor they name, and the one credential they hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.chart.render import environment, objects
from tests.chart.sweep import Pod, pods

ON = {"airflow.executor": "KubernetesExecutor"}
BOTH = {"airflow.executor": "LocalExecutor,KubernetesExecutor"}


def rendered(sets: dict[str, Any]) -> dict[str, Pod]:
    return {p.part: p for p in pods(objects(environment("minikube", sets=sets))) if p.part.startswith("airflow/")}


def variable(pod: Pod, name: str) -> str | None:
    return next((e.get("value") for c in pod.containers for e in c.get("env", []) if e["name"] == name), None)


def platform_tokens(pod: Pod) -> list[dict[str, Any]]:
    sources = [s for v in pod.spec.get("volumes", []) for s in v.get("projected", {}).get("sources", [])]
    return [s["serviceAccountToken"] for s in sources if "serviceAccountToken" in s]


@pytest.mark.parametrize("sets", [ON, BOTH], ids=["kubernetes", "both"])
def test_a_tasks_pod_names_the_schedulers_own_executor(sets: dict[str, Any]) -> None:
    found = rendered(sets)
    names = {part: variable(found[part], "AIRFLOW__CORE__EXECUTOR") for part in ("airflow/scheduler", "airflow/worker")}
    assert names["airflow/worker"] == names["airflow/scheduler"] is not None


@pytest.mark.parametrize("sets", [ON, BOTH], ids=["kubernetes", "both"])
def test_who_speaks_to_the_platform_is_known_by_a_token_that_rotates_and_nobody_else_has_one(
    sets: dict[str, Any],
) -> None:
    speakers = {"airflow/worker", "airflow/triggerer", "airflow/dag-processor"}
    speakers |= {"airflow/scheduler"} if sets is BOTH else set()
    found = {part: platform_tokens(pod) for part, pod in rendered(sets).items()}
    assert {part for part, tokens in found.items() if tokens} == speakers
    for part in speakers:
        [token] = found[part]
        assert (token["audience"], token["expirationSeconds"]) == ("workflow-orchestration", 3600)


def test_the_connection_names_the_file_that_the_token_is_mounted_as_and_holds_no_token() -> None:
    worker = rendered(ON)["airflow/worker"]
    connection = json.loads(variable(worker, "AIRFLOW_CONN_WORKFLOW_ORCHESTRATION_DEFAULT") or "")
    assert connection["host"] == "http://wo-api:8000"
    assert "password" not in connection
    [mount] = [m for c in worker.containers for m in c["volumeMounts"] if m["name"] == "platform-token"]
    [token] = platform_tokens(worker)
    assert connection["extra"]["token_file"] == f"{mount['mountPath']}/{token['path']}"


@pytest.mark.parametrize("mounted", [True, False])
def test_the_api_can_check_the_clusters_key_server_where_that_is_asked_for(mounted: bool) -> None:
    rendered = objects(environment("minikube", sets={"api.auth.clusterCa": mounted}))
    [api] = [p for p in pods(rendered) if p.part == "api/api"]
    mounts = [m["mountPath"] for c in api.containers for m in c["volumeMounts"] if m["name"] == "cluster-ca"]
    sources = [v["configMap"]["name"] for v in api.spec["volumes"] if v["name"] == "cluster-ca"]
    assert (mounts, sources) == ((["/etc/cluster-ca"], ["kube-root-ca.crt"]) if mounted else ([], []))
