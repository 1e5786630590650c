"""The model server's pod, as every environment renders it: what running it has shown must hold."""

from __future__ import annotations

import asyncio
import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from tests.chart import schemas
from tests.chart.render import ENVIRONMENTS, ROOT, Case, Object, case, environment, find, objects, refusal, text

CPU = case(values=["values/minikube.yaml", "values/vllm-cpu.yaml"])
SERVED = [*(environment(name) for name in ENVIRONMENTS if name != "minikube"), CPU]
DEPLOYMENT = "Deployment/wo-vllm"


@pytest.fixture(params=SERVED, ids=str)
def server(request: pytest.FixtureRequest) -> Object:
    """The Deployment of vLLM wherever there is one."""
    return find(objects(request.param), DEPLOYMENT)


def _container(deployment: Object) -> Object:
    found: Object = deployment["spec"]["template"]["spec"]["containers"][0]
    return found


def _flags(deployment: Object) -> dict[str, str]:
    """Flag -> value, "" where it takes none; each argument is one word."""
    args = _container(deployment)["args"]
    assert all(arg.startswith("--") for arg in args), args
    return dict((*arg.split("=", 1), "")[:2] for arg in args)


def _env(deployment: Object) -> dict[str, Any]:
    return {e["name"]: e.get("value", e.get("valueFrom")) for e in _container(deployment)["env"]}


def test_the_key_is_in_no_argument_and_comes_from_the_secret(server: Object) -> None:
    assert "key" not in " ".join(_flags(server)).lower()
    assert "$(" not in " ".join(_container(server)["args"]), "an argument that takes a variable shows it to `ps`"
    assert _env(server)["VLLM_API_KEY"] == {"secretKeyRef": {"name": "wo-secrets", "key": "LLM_API_KEY"}}


def test_the_allow_list_is_in_front(server: Object) -> None:
    assert _flags(server)["--middleware"] == "allowlist.Allowlist"
    mounts = {mount["mountPath"]: mount["name"] for mount in _container(server)["volumeMounts"]}
    assert mounts[_env(server)["PYTHONPATH"]] == "middleware"
    assert "--disable-fastapi-docs" in _flags(server)


def test_what_is_begun_is_finished(server: Object) -> None:
    pod = server["spec"]["template"]["spec"]
    drain = int(_flags(server)["--shutdown-timeout"])
    wait = int(_container(server)["lifecycle"]["preStop"]["exec"]["command"][1])
    assert drain >= 60, "an answer takes its time"
    assert wait >= 10, "a draining server refuses with 500: the pod must have left the Service before"
    assert pod["terminationGracePeriodSeconds"] > drain + wait + 15
    assert _container(server)["command"][1:] == ["-m", "vllm.entrypoints.openai.api_server"], "pid 1 gets the signal"


def test_the_queue_is_bounded(server: Object) -> None:
    assert int(_flags(server)["--max-num-seqs"]) < int(_flags(server)["--max-num-queued-reqs"]) <= 1024
    assert int(_env(server)["VLLM_MAX_N_SEQUENCES"]) <= 8


def test_answers_in_a_schema_are_not_padded(server: Object) -> None:
    assert _flags(server)["--structured-outputs-config"] == '{"backend":"xgrammar","disable_any_whitespace":true}'
    assert _flags(server)["--generation-config"] == "vllm", "the model's own temperature would be taken"


def test_weights_are_pinned(server: Object) -> None:
    assert re.fullmatch(r"[0-9a-f]{40}", _flags(server)["--revision"])
    assert "--trust-remote-code" not in _flags(server)
    assert "--enable-lora" not in _flags(server)


def test_a_model_is_split_over_exactly_the_pods_gpus(server: Object) -> None:
    gpus = _container(server)["resources"]["limits"].get("nvidia.com/gpu", 0)
    assert int(_flags(server)["--tensor-parallel-size"]) == max(1, gpus)
    assert ("--gpu-memory-utilization" in _flags(server)) == (gpus > 0)


def test_nothing_is_told_to_anybody(server: Object) -> None:
    env = _env(server)
    assert (env["VLLM_NO_USAGE_STATS"], env["DO_NOT_TRACK"], env["HF_HUB_DISABLE_TELEMETRY"]) == ("1", "1", "1")
    assert not {"VLLM_SERVER_DEV_MODE", "VLLM_ALLOW_RUNTIME_LORA_UPDATING"} & set(env)


def test_one_probe_carries_the_load_and_no_other_kills_a_busy_server(server: Object) -> None:
    container = _container(server)
    startup, alive = container["startupProbe"], container["livenessProbe"]
    assert startup["failureThreshold"] * startup["periodSeconds"] >= 600
    assert alive["failureThreshold"] * alive["periodSeconds"] >= 60
    assert alive["timeoutSeconds"] >= 5
    assert server["spec"]["progressDeadlineSeconds"] > startup["failureThreshold"] * startup["periodSeconds"]


def test_pods_are_added_for_what_waits_and_for_what_was_refused() -> None:
    scaled = find(objects(environment("gke", "all-on")), "ScaledObject/wo-vllm")
    queries = [trigger["metadata"]["query"] for trigger in scaled["spec"]["triggers"]]
    assert [re.findall(r"vllm:\w+", query) for query in queries] == [
        ["vllm:num_requests_waiting"],
        ["vllm:admission_rejections_total"],
    ]
    assert all(query.startswith("sum(") for query in queries), "KEDA wants one number, not one a pod"
    assert scaled["spec"]["minReplicaCount"] >= 1


def test_without_a_gpu_no_pod_asks_for_one() -> None:
    deployment = find(objects(CPU), DEPLOYMENT)
    assert "nvidia" not in str(_container(deployment)["resources"])
    assert "nvidia" not in str(deployment["spec"]["template"]["spec"].get("tolerations"))
    assert _env(deployment)["VLLM_TARGET_DEVICE"] == "cpu"
    assert int(_env(deployment)["VLLM_CPU_KVCACHE_SPACE"]) >= 1


def _weights(**sets: object) -> Case:
    return case(values=["values/gke.yaml"], sets={f"vllm.{k}": v for k, v in sets.items()}, kube="1.34.4")


WEIGHTS = {
    "a path on a claim": {"model.name": "/models/m", "cache.existingClaim": "models", "cache.offline": True},
    "a claim that takes no writes": {
        "model.name": "/models/m",
        "cache.existingClaim": "models",
        "cache.offline": True,
        "cache.readOnly": True,
    },
    "an image": {"model.name": "/image", "model.image": "models/m@sha256:" + "0" * 64},
    "an object store": {"model.name": "gs://models/m"},
}


@pytest.mark.parametrize("source", WEIGHTS)
def test_weights_come_from_wherever_they_are(source: str) -> None:
    name = "mistralai/Mistral-7B-Instruct-v0.2"
    wanted = _weights(**{"model.revision": "", "model.servedName": name}, **WEIGHTS[source])
    deployment = find(objects(wanted), DEPLOYMENT)
    assert _flags(deployment)["--model"] == WEIGHTS[source]["model.name"]
    assert _flags(deployment)["--served-model-name"] == name


@pytest.mark.parametrize("writes", [True, False])
def test_a_claim_that_takes_no_writes_is_attached_so_and_its_files_keep_their_owner(writes: bool) -> None:
    name = "a path on a claim" if writes else "a claim that takes no writes"
    served = {"model.revision": "", "model.servedName": "mistralai/Mistral-7B-Instruct-v0.2"}
    deployment = find(objects(_weights(**served, **WEIGHTS[name])), DEPLOYMENT)
    volumes = {volume["name"]: volume for volume in deployment["spec"]["template"]["spec"]["volumes"]}
    assert volumes["models"]["persistentVolumeClaim"].get("readOnly", False) is not writes


def test_kubernetes_takes_each_of_them(tmp_path: Path) -> None:
    for n, sets in enumerate(WEIGHTS.values()):
        served = {"model.revision": "", "model.servedName": "mistralai/Mistral-7B-Instruct-v0.2"}
        (tmp_path / f"{n}.yaml").write_text(text(_weights(**served, **sets)))
    verdicts = schemas.validate(tmp_path, "1.34.4")
    assert len(verdicts) == len(WEIGHTS)
    assert not [fault for each in verdicts.values() for fault in schemas.faults_of(each)]


def test_weights_that_may_change_are_refused() -> None:
    said = refusal(_weights(**{"model.revision": ""}))
    assert "vllm.model.revision: is empty" in said


# -- the allow-list itself; tests/models asks a real server for every one of its routes -------------------------------


def _answer(method: str, path: str, kind: str = "http") -> tuple[int, bool]:
    """Status, and whether vLLM was reached."""
    spec = importlib.util.spec_from_file_location("allowlist", ROOT / "charts/vllm/files/allowlist.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sent: list[dict[str, Any]] = []

    async def vllm(scope: object, receive: object, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(module.Allowlist(vllm)({"type": kind, "method": method, "path": path}, None, send))
    return sent[0].get("status", sent[0].get("code")), sent[0].get("status") == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/chat/completions"), ("POST", "/v1/completions"), ("GET", "/v1/models"), ("GET", "/health"),
     ("GET", "/metrics")],
)  # fmt: skip
def test_what_clients_probes_and_prometheus_ask_is_let_through(method: str, path: str) -> None:
    assert _answer(method, path) == (200, True)


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/invocations"), ("POST", "/tokenize"), ("GET", "/version"), ("POST", "/scale_elastic_ep"),
     ("GET", "/v1/chat/completions"), ("POST", "/health"), ("POST", "/v1/chat/completions/batch"),
     ("POST", "/v1/responses"), ("POST", "/v1/chat/completions/"), ("POST", "//v1/chat/completions"),
     ("POST", "/inference/v1/generate"), ("GET", "/v1/models/x"), ("DELETE", "/v1/models")],
)  # fmt: skip
def test_everything_else_does_not_exist(method: str, path: str) -> None:
    assert _answer(method, path) == (404, False)


def test_no_websocket_is_opened() -> None:
    assert _answer("GET", "/v1/models", kind="websocket") == (1008, False)
