"""Values that cannot work together are refused before anything is applied: key, cause, fix and page, in one sentence.

Here through Helm 4 and the parent chart, as an operator meets them; each subchart's own tests/ has the rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest

from tests.chart.render import ROOT, case, environment, refusal, text


@dataclass(frozen=True)
class Bad:
    """Values, and words of the sentence they must be refused with."""

    title: str
    says: tuple[str, ...]
    sets: dict[str, object] = field(default_factory=dict)
    env: str = "minikube"


PUBLISHED = {"api.networkPolicy.ingressFrom": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}

BAD = [
    Bad("both ingress and route", ("api.ingress.enabled and api.httpRoute.enabled", "Keep one"),
        {**PUBLISHED, "api.ingress.enabled": True, "api.ingress.host": "a.example", "api.httpRoute.enabled": True,
         "api.httpRoute.host": "a.example", "api.httpRoute.parentRefs": [{"name": "g"}]}),
    Bad("an ingress without a host", ("api.ingress.host", "is empty"), {**PUBLISHED, "api.ingress.enabled": True}),
    Bad("published but closed", ("api.networkPolicy.ingressFrom", "would drop every client"),
        {"api.service.type": "LoadBalancer", "api.networkPolicy.ingressFrom": []}),
    Bad("grace under drain", ("api.worker.terminationGracePeriodSeconds", "Raise it"),
        {"api.worker.drainSeconds": 60, "api.worker.terminationGracePeriodSeconds": 60}),
    Bad("tensor parallelism over GPUs", ("vllm.gpu.tensorParallelSize", "gpu.count"),
        {"vllm.enabled": True, "vllm.gpu.count": 1, "vllm.gpu.tensorParallelSize": 2}, "gke"),
    Bad("logs nowhere", ("airflow.logs",), {"airflow.enabled": True, "airflow.logs.persistence.enabled": False}),
    Bad("two bundled databases", ("checkpoints.replicaCount", "internal"), {"checkpoints.replicaCount": 2}),
    Bad("no Secret's name", ("secretName", "global.secretName"), {"global.secretName": ""}),
    Bad("a local issuer in a cloud", ("api.auth.localIssuer", "minikube"), {"api.auth.localIssuer": True}, "eks"),
    Bad("an external model nowhere", ("global.llm.baseUrl",), {"global.llm.provider": "external"}),
    Bad("a bridge without brokers", ("api.kafka.bootstrapServers", "host:port"), {"api.kafka.enabled": True}),
    Bad("a bridge shut in", ("api.networkPolicy.bridgeEgress", "keep the bridge from the brokers"),
        {"api.kafka.enabled": True, "api.kafka.bootstrapServers": "kafka:9092"}),
    Bad("a provider that is off", ("global.llm.provider", "vllm.enabled"),
        {"global.llm.provider": "vllm", "vllm.enabled": False}),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.title)
def test_it_is_refused_with_key_cause_fix_and_page(bad: Bad) -> None:
    said = refusal(environment(bad.env, sets=bad.sets))
    assert not [word for word in bad.says if word not in said], said
    pages = re.findall(r"docs/[\w/-]+\.md", said)
    assert pages, said
    assert all((ROOT / page).is_file() for page in pages)


def test_an_unsupported_kubernetes_is_refused() -> None:
    said = refusal(environment("minikube", kube="1.27.16"))
    assert "1.28" in said
    assert "1.27.16" in said


@pytest.mark.parametrize("version", ["1.33.4-gke.1036000", "1.31.2-eks-7f9249a", "1.28.0"])
@pytest.mark.parametrize("helm", ["helm", "helm3"])
def test_a_vendor_s_kubernetes_version_is_accepted(version: str, helm: str) -> None:
    assert text(environment("gke", kube=version, helm=helm))


def test_a_text_for_a_number_is_refused() -> None:
    assert "replicaCount" in refusal(case(sets={"api.replicaCount": "three"}))


def test_a_misspelt_part_is_refused() -> None:
    assert "airflo" in refusal(case(sets={"airflo.enabled": True}))
