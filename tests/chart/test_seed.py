"""The names and numbers that the project began with hold in the chart: one test an item.

docs/seed-conformance.md says of every requirement of the first specification which test proves it; here are the
chart's own. What was renamed since says so there.
"""

from __future__ import annotations

import re

import pytest

from tests.chart.render import ENVIRONMENTS, NAMESPACE, ROOT, Object, case, environment, find, name, objects, of_kind
from tests.chart.sweep import pods

#: The chart as it is, without any environment's file, with all its parts on.
DEFAULTS = case(sets={"vllm.enabled": True})


def _container(kind_name: str) -> Object:
    container: Object = find(objects(DEFAULTS), kind_name)["spec"]["template"]["spec"]["containers"][0]
    return container


def _words(kind_name: str) -> str:
    container = _container(kind_name)
    return " ".join(str(w) for w in [*container.get("command", []), *container.get("args", [])])


def test_fastapi_is_the_release_s_api() -> None:
    assert find(objects(DEFAULTS), "Deployment/wo-api")
    assert find(objects(DEFAULTS), "Service/wo-api")["spec"]["ports"][0]["port"] == 8000


def test_airflow_webserver_is_the_release_s_airflow_api_server() -> None:
    assert find(objects(DEFAULTS), "Deployment/wo-airflow-api-server")
    assert find(objects(DEFAULTS), "Service/wo-airflow-api-server")["spec"]["ports"][0]["port"] == 8080


def test_airflow_web_is_probed_where_version_3_answers() -> None:
    assert (
        _container("Deployment/wo-airflow-api-server")["readinessProbe"]["httpGet"]["path"] == "/api/v2/monitor/health"
    )


def test_the_image_is_workflow_orchestration_fastapi() -> None:
    assert re.fullmatch(r"workflow-orchestration/fastapi:[\w.]+", _container("Deployment/wo-api")["image"])


def test_three_api_replicas_without_an_autoscaler() -> None:
    rendered = objects(case(sets={"api.autoscaling.enabled": False}))
    assert find(rendered, "Deployment/wo-api")["spec"]["replicas"] == 3


def test_the_autoscaler_goes_from_2_to_10_at_70_percent_cpu_and_80_percent_memory() -> None:
    spec = find(objects(DEFAULTS), "HorizontalPodAutoscaler/wo-api")["spec"]
    targets = {m["resource"]["name"]: m["resource"]["target"]["averageUtilization"] for m in spec["metrics"]}
    assert (spec["minReplicas"], spec["maxReplicas"], targets) == (2, 10, {"cpu": 70, "memory": 80})


def test_the_api_asks_for_256_mib_and_a_quarter_core_and_may_take_twice_that() -> None:
    assert _container("Deployment/wo-api")["resources"] == {
        "requests": {"cpu": "250m", "memory": "256Mi"},
        "limits": {"cpu": "500m", "memory": "512Mi"},
    }


def test_liveness_asks_health_on_8000_every_10_seconds() -> None:
    container = _container("Deployment/wo-api")
    probe, ports = container["livenessProbe"], {p["name"]: p["containerPort"] for p in container["ports"]}
    assert (probe["httpGet"]["path"], ports[probe["httpGet"]["port"]], probe["periodSeconds"]) == ("/health", 8000, 10)


def test_readiness_asks_every_5_seconds_after_a_startup_probe() -> None:
    container = _container("Deployment/wo-api")
    assert (container["readinessProbe"]["httpGet"]["path"], container["readinessProbe"]["periodSeconds"]) == (
        "/ready",
        5,
    )
    assert "initialDelaySeconds" not in container["readinessProbe"]
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] >= 30


def test_airflow_web_has_two_replicas() -> None:
    assert find(objects(DEFAULTS), "Deployment/wo-airflow-api-server")["spec"]["replicas"] == 2


def test_airflow_uses_the_kubernetes_executor() -> None:
    env = {e["name"]: e.get("value") for e in _container("Deployment/wo-airflow-scheduler").get("env", [])}
    config = "\n".join(str(c["data"]) for c in of_kind(objects(DEFAULTS), "ConfigMap") if "airflow" in name(c))
    assert env.get("AIRFLOW__CORE__EXECUTOR", "KubernetesExecutor") == "KubernetesExecutor"
    assert "KubernetesExecutor" in (config + str(env))


def test_airflow_logs_go_to_a_volume_by_default() -> None:
    assert "PersistentVolumeClaim/wo-airflow-logs" in [name(t) for t in objects(DEFAULTS)]


@pytest.mark.parametrize(("env", "bucket"), [("gke", "gs://"), ("eks", "s3://")])
def test_airflow_logs_go_to_a_bucket_in_a_cloud(env: str, bucket: str) -> None:
    rendered = objects(environment(env))
    assert "PersistentVolumeClaim/wo-airflow-logs" not in [name(t) for t in rendered]
    assert bucket in str([t for t in rendered if "airflow" in name(t)])


@pytest.mark.parametrize("kind", ["LoadBalancer", "Ingress"])
def test_the_api_is_published_by_a_load_balancer_or_an_ingress(kind: str) -> None:
    peers = {"api.networkPolicy.ingressFrom": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}
    load_balancer: dict[str, object] = {"api.service.type": "LoadBalancer"}
    ingress: dict[str, object] = {"api.ingress.enabled": True, "api.ingress.host": "wo.example.com"}
    rendered = objects(case(sets={**peers, **(ingress if kind == "Ingress" else load_balancer)}))
    assert find(rendered, "Service/wo-api")["spec"]["type"] == (
        "LoadBalancer" if kind == "LoadBalancer" else "ClusterIP"
    )
    assert bool(of_kind(rendered, "Ingress")) == (kind == "Ingress")


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_namespace_is_workflow_orchestration(env: str) -> None:
    page = (ROOT / "docs" / "howto" / f"deploy-{env}.md").read_text()
    assert f"-n {NAMESPACE}" in page
    assert f"namespace {NAMESPACE}" in page


def test_kafka_s_brokers_reach_the_api() -> None:
    brokers = {"api.networkPolicy.bridgeEgress": [{"ports": [{"port": 9092, "protocol": "TCP"}]}]}
    sets = {**brokers, "api.kafka.enabled": True, "api.kafka.bootstrapServers": "kafka:9092"}
    rendered = objects(case(sets=sets))
    env = find(rendered, "Deployment/wo-api")["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "KAFKA_BOOTSTRAP_SERVERS", "value": "kafka:9092"} in env


def test_vllm_serves_mistral_7b_instruct() -> None:
    assert re.search(r"--model[= ]mistralai/Mistral-7B-Instruct-v0\.2(?= |$)", _words("Deployment/wo-vllm"))


def test_vllm_listens_on_8000() -> None:
    assert 8000 in [p["containerPort"] for p in _container("Deployment/wo-vllm")["ports"]]


def test_vllm_uses_one_gpu() -> None:
    assert re.search(r"--tensor-parallel-size[= ]1(?= |$)", _words("Deployment/wo-vllm"))


def test_vllm_takes_nine_tenths_of_the_gpu_s_memory() -> None:
    assert re.search(r"--gpu-memory-utilization[= ]0\.9(?= |$)", _words("Deployment/wo-vllm"))


def _worker_env() -> dict[str, str | None]:
    return {e["name"]: e.get("value") for e in _container("Deployment/wo-api-worker")["env"]}


def test_an_answer_has_at_most_512_tokens() -> None:
    assert _worker_env()["LLM_MAX_OUTPUT_TOKENS"] == "512"


def test_drafts_are_asked_at_temperature_0_7() -> None:
    assert _worker_env()["LLM_DRAFT_TEMPERATURE"] == "0.7"


def test_the_worker_asks_the_model_that_vllm_serves() -> None:
    env = _worker_env()
    assert (env["LLM_BASE_URL"], env["LLM_MODEL"]) == ("http://wo-vllm:8000/v1", "mistralai/Mistral-7B-Instruct-v0.2")


def test_every_requirement_of_the_specification_is_accounted_for() -> None:
    rows = re.findall(r"^\| [RATDS]\d+ \|", (ROOT / "docs" / "seed-conformance.md").read_text(), re.MULTILINE)
    assert len(rows) == 72


def test_all_three_services_are_in_one_release() -> None:
    parts = {pod.part for pod in pods(objects(DEFAULTS))}
    assert {"api/api", "api/worker", "airflow/api-server", "airflow/scheduler", "vllm/server"} <= parts
