"""Who may connect to whom: one table, judged by us and by cyclonus on the policies as they are rendered."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chart.policies import Peer, Traffic, allowed, cyclonus
from tests.chart.render import ENVIRONMENTS, KUBES, Case, Object, environment, objects, of_kind
from tests.chart.sweep import Pod, owner, pods, sweep

#: Every part in the cluster: the table below speaks of all of them. (Ollama and vLLM are never on together.)
EVERYTHING = {
    "airflow.enabled": True,
    "airflow.canary.enabled": True,
    "vllm.enabled": True,
    "ollama.enabled": False,
    "checkpoints.enabled": True,
    "checkpoints.mode": "internal",
    "global.database.host": "",
    "global.llm.provider": "vllm",
    "api.kafka.enabled": True,
    "api.kafka.bootstrapServers": "broker.kafka:9093",
    "api.kafka.config": {
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_SASL_USERNAME": "wo-bridge",
    },
    "api.networkPolicy.bridgeEgress": [
        {
            "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kafka"}}}],
            "ports": [{"port": 9093, "protocol": "TCP"}],
        }
    ],
}

DNS, POSTGRES, KUBERNETES = "kube-system/dns", "checkpoints/postgres", "outside/kubernetes"
BROKER = "kafka/broker"
#: Address of the cluster's API server, as minikube has it.
KUBERNETES_IP = "10.96.0.1"

#: source, target, port
MUST_CONNECT = [
    ("api/api", POSTGRES, 5432),
    ("api/worker", POSTGRES, 5432),
    ("api/migrate", POSTGRES, 5432),
    ("checkpoints/roles", POSTGRES, 5432),
    ("checkpoints/backup", POSTGRES, 5432),
    ("api/api", DNS, 53),
    ("api/worker", DNS, 53),
    ("airflow/worker", DNS, 53),
    ("airflow/scheduler", DNS, 53),
    ("vllm/server", DNS, 53),
    ("api/worker", "vllm/server", 8000),
    ("api/helm-test", "api/api", 8000),
    ("airflow/worker", "api/api", 8000),
    ("airflow/triggerer", "api/api", 8000),
    ("airflow/worker", "airflow/api-server", 8080),
    ("airflow/scheduler", "airflow/api-server", 8080),
    ("airflow/api-server", "airflow/triggerer", 8794),
    ("airflow/api-server", POSTGRES, 5432),
    ("airflow/scheduler", POSTGRES, 5432),
    ("airflow/dag-processor", POSTGRES, 5432),
    ("airflow/triggerer", POSTGRES, 5432),
    ("airflow/migrate", POSTGRES, 5432),
    ("airflow/scheduler", KUBERNETES, 443),
    ("airflow/api-server", KUBERNETES, 443),
    ("monitoring/prometheus", "api/api", 9090),
    ("monitoring/prometheus", "api/worker", 9090),
    ("monitoring/prometheus", "vllm/server", 8000),
    ("api/bridge", DNS, 53),
    ("api/bridge", POSTGRES, 5432),
    ("api/bridge", BROKER, 9093),
    ("monitoring/prometheus", "api/bridge", 9090),
]

MUST_NOT_CONNECT = [
    # a task runs a DAG author's code: it has no business with the database, the model or Kubernetes
    ("airflow/worker", POSTGRES, 5432),
    ("airflow/worker", "vllm/server", 8000),
    ("airflow/worker", KUBERNETES, 443),
    ("airflow/worker", "outside/metadata", 80),
    # the API never speaks to a model; the model speaks to nobody
    ("api/api", "vllm/server", 8000),
    ("vllm/server", POSTGRES, 5432),
    ("vllm/server", "api/api", 8000),
    ("vllm/server", "airflow/api-server", 8080),
    ("vllm/server", "outside/metadata", 80),
    # the database answers and never asks
    (POSTGRES, "api/api", 8000),
    (POSTGRES, "outside/internet", 443),
    (POSTGRES, "outside/metadata", 80),
    # nobody else in the cluster, and nobody outside it, reaches what is not published
    ("default/stranger", POSTGRES, 5432),
    ("default/stranger", "vllm/server", 8000),
    ("default/stranger", "api/worker", 9090),
    ("default/stranger", "api/api", 9090),
    ("default/stranger", "airflow/scheduler", 8974),
    ("outside/internet", POSTGRES, 5432),
    ("outside/internet", "vllm/server", 8000),
    ("outside/internet", "api/worker", 9090),
    ("monitoring/prometheus", POSTGRES, 5432),
    # a scraper reads metrics, not cases
    ("monitoring/prometheus", "api/api", 8000),
    ("api/api", "outside/metadata", 80),
    ("api/worker", "outside/metadata", 80),
    ("api/worker", KUBERNETES, 443),
    ("api/migrate", "outside/internet", 443),
    ("api/helm-test", POSTGRES, 5432),
    # the bridge alone speaks to Kafka, to nobody else but the database, and answers the scraper alone
    ("api/api", BROKER, 9093),
    ("api/worker", BROKER, 9093),
    ("airflow/worker", BROKER, 9093),
    ("api/bridge", BROKER, 9092),
    ("api/bridge", "api/api", 8000),
    ("api/bridge", "vllm/server", 8000),
    ("api/bridge", KUBERNETES, 443),
    ("api/bridge", "outside/internet", 443),
    ("api/bridge", "outside/metadata", 80),
    (BROKER, "api/bridge", 9090),
    (BROKER, POSTGRES, 5432),
    ("default/stranger", "api/bridge", 9090),
    ("outside/internet", "api/bridge", 9090),
    ("unknown/new", POSTGRES, 5432),
    ("unknown/new", "outside/internet", 443),
    ("default/stranger", "unknown/new", 8000),
]


def _peers(rendered: tuple[Object, ...]) -> dict[str, Peer]:
    """Everybody in the table: the pods of the render, and whom we invent around them."""
    inside = {pod.part: Peer(pod.part, f"10.244.0.{n}", pod.labels) for n, pod in enumerate(pods(rendered), start=10)}
    return inside | {
        DNS: Peer(DNS, "10.244.1.2", {"k8s-app": "kube-dns"}, "kube-system"),
        "monitoring/prometheus": Peer("monitoring/prometheus", "10.244.1.3", {"app": "prometheus"}, "monitoring"),
        BROKER: Peer(BROKER, "10.244.1.6", {"app": "kafka"}, "kafka"),
        "default/stranger": Peer("default/stranger", "10.244.1.4", {"app": "stranger"}, "default"),
        # a pod somebody puts beside ours: default-deny holds for it too
        "unknown/new": Peer("unknown/new", "10.244.1.5", {"app": "new"}),
        KUBERNETES: Peer(KUBERNETES, KUBERNETES_IP),
        "outside/internet": Peer("outside/internet", "203.0.113.7"),
        "outside/metadata": Peer("outside/metadata", "169.254.169.254"),
    }


def _traffic(rendered: tuple[Object, ...], rows: list[tuple[str, str, int]]) -> list[Traffic]:
    peers = _peers(rendered)
    missing = {part for source, target, _ in rows for part in (source, target)} - peers.keys()
    assert not missing, f"not rendered: {missing}; there are: {sorted(peers)}"
    names = {p.part: _port_names(p) for p in pods(rendered)}
    return [
        Traffic(peers[s], peers[t], port, names.get(t, {}).get(port, ""), "UDP" if port == 53 else "TCP")
        for s, t, port in rows
    ]


def _port_names(pod: Pod) -> dict[int, str]:
    return {p["containerPort"]: p.get("name", "") for c in pod.spec["containers"] for p in c.get("ports", [])}


def _everything(kube: str = KUBES[-1]) -> tuple[Object, ...]:
    return objects(environment("minikube", sets=EVERYTHING, kube=kube))


def _policies(rendered: tuple[Object, ...]) -> list[Object]:
    return of_kind(rendered, "NetworkPolicy")


@pytest.mark.parametrize("kube", KUBES)
def test_what_must_connect_connects(kube: str) -> None:
    rendered = _everything(kube)
    sweep(_traffic(rendered, MUST_CONNECT), lambda t: not allowed(_policies(rendered), t) and "denied")


@pytest.mark.parametrize("kube", KUBES)
def test_what_must_not_connect_does_not(kube: str) -> None:
    rendered = _everything(kube)
    sweep(_traffic(rendered, MUST_NOT_CONNECT), lambda t: allowed(_policies(rendered), t) and "allowed")


def test_cyclonus_judges_every_row_as_we_do(tmp_path: Path) -> None:
    rendered = _everything()
    traffic = _traffic(rendered, MUST_CONNECT + MUST_NOT_CONNECT)
    verdicts = cyclonus(_policies(rendered), traffic, tmp_path)
    assert len(verdicts) == len(traffic)
    assert verdicts == [allowed(_policies(rendered), t) for t in traffic]
    assert {True, False} == set(verdicts)


def test_ollama_answers_the_worker_alone_where_it_is_the_model(tmp_path: Path) -> None:
    sets = {**EVERYTHING, "vllm.enabled": False, "ollama.enabled": True, "global.llm.provider": "ollama"}
    rendered = objects(environment("minikube", sets=sets))
    asking = ["api/worker", "api/api", "airflow/worker", "default/stranger", "outside/internet"]
    traffic = _traffic(rendered, [(source, "ollama/server", 11434) for source in asking])
    verdicts = [allowed(_policies(rendered), t) for t in traffic]
    assert verdicts == [True, False, False, False, False] == cyclonus(_policies(rendered), traffic, tmp_path)


def test_every_pod_has_a_policy_for_both_directions(each: Case) -> None:
    rendered = objects(each)
    policies = _policies(rendered)
    if each.values[-1].endswith("all-off-values.yaml"):
        assert not policies
        return

    def fault(pod: Pod) -> list[str]:
        own = [p["spec"] for p in policies if p["spec"]["podSelector"] and _selects(p, pod)]
        return [d for d in ("Ingress", "Egress") if not any(d in spec["policyTypes"] for spec in own)]

    sweep(pods(rendered), fault, called=owner)


def _selects(policy: Object, pod: Pod) -> bool:
    from tests.chart.policies import matches

    return matches(policy["spec"]["podSelector"], pod.labels)


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_what_no_policy_allows_is_denied(env: str) -> None:
    policies = _policies(objects(environment(env)))
    default = [p for p in policies if p["spec"]["podSelector"] == {}]
    assert [set(p["spec"]["policyTypes"]) for p in default] == [{"Ingress", "Egress"}]
    assert not [rule for p in default for rule in (p["spec"].get("ingress"), p["spec"].get("egress")) if rule]


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_no_policy_opens_a_pod_to_all(env: str) -> None:
    def fault(policy: Object) -> list[Object]:
        spec = policy["spec"]
        return [r for r in spec.get("ingress") or [] if not r.get("from")] + [
            r for r in spec.get("egress") or [] if not r
        ]

    sweep(_policies(objects(environment(env))), fault, called=lambda p: p["metadata"]["name"])


@pytest.mark.parametrize("env", ["gke", "eks"])
def test_a_managed_database_is_reached_and_the_public_internet_is_not_on_its_port(env: str) -> None:
    rendered = objects(environment(env))
    worker = next(p for p in pods(rendered) if p.part == "api/worker")
    source = Peer("api/worker", "10.244.0.9", worker.labels)
    inside, public = Peer("managed", "10.20.0.5"), Peer("public", "203.0.113.7")
    verdicts = [allowed(_policies(rendered), Traffic(source, target, 5432)) for target in (inside, public)]
    assert verdicts == [True, False]
