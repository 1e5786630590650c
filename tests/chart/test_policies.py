"""Our judge of NetworkPolicies is right: on policies made at random it says what cyclonus says."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.chart.policies import Peer, Traffic, allowed, cyclonus
from tests.chart.render import NAMESPACE, Object

APPS = ["api", "worker", "db"]
NAMESPACES = [NAMESPACE, "monitoring", "kube-system"]
BLOCKS = ["10.0.0.0/8", "10.244.1.0/24", "203.0.113.0/24", "0.0.0.0/0"]
PORTS = [8000, 5432, 53]


def _selector(chance: random.Random, choices: list[str], key: str) -> Object:
    chosen = chance.sample(choices, chance.randint(1, 2))
    kinds: list[Object] = [
        {},
        {"matchLabels": {key: chosen[0]}},
        {"matchExpressions": [{"key": key, "operator": chance.choice(["In", "NotIn"]), "values": chosen}]},
        {"matchExpressions": [{"key": key, "operator": chance.choice(["Exists", "DoesNotExist"])}]},
    ]
    return chance.choice(kinds)


def _peer_rule(chance: random.Random) -> Object:
    if chance.random() < 0.3:
        block: dict[str, Any] = {"cidr": chance.choice(BLOCKS)}
        if block["cidr"] == "10.0.0.0/8":
            block["except"] = ["10.244.2.0/24"]
        return {"ipBlock": block}
    rule: Object = {}
    if chance.random() < 0.6:
        rule["podSelector"] = _selector(chance, APPS, "app")
    if chance.random() < 0.5 or not rule:
        rule["namespaceSelector"] = _selector(chance, NAMESPACES, "kubernetes.io/metadata.name")
    return rule


def _rule(chance: random.Random, side: str) -> Object:
    rule: Object = {}
    if chance.random() < 0.8:
        rule[side] = [_peer_rule(chance) for _ in range(chance.randint(1, 2))]
    if chance.random() < 0.6:
        port: Object = {"port": chance.choice([*PORTS, "http"]), "protocol": chance.choice(["TCP", "UDP"])}
        if chance.random() < 0.2 and isinstance(port["port"], int):
            port["endPort"] = port["port"] + 3000
        rule["ports"] = [port]
    return rule


def _policy(chance: random.Random, number: int) -> Object:
    types = chance.choice([["Ingress"], ["Egress"], ["Ingress", "Egress"]])
    spec: Object = {"podSelector": _selector(chance, APPS, "app"), "policyTypes": types}
    for kind, side in (("Ingress", "from"), ("Egress", "to")):
        if kind in types and chance.random() < 0.8:
            spec[kind.lower()] = [_rule(chance, side) for _ in range(chance.randint(1, 2))]
    meta = {"name": f"p{number}", "namespace": NAMESPACE}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": spec}


def _peer(chance: random.Random) -> Peer:
    if chance.random() < 0.2:
        return Peer("outside", chance.choice(["203.0.113.7", "198.51.100.1"]))
    labels = {"app": chance.choice(APPS)} if chance.random() < 0.9 else {}
    return Peer("pod", f"10.244.{chance.randint(0, 2)}.{chance.randint(2, 9)}", labels, chance.choice(NAMESPACES))


@pytest.mark.parametrize("seed", range(8))
def test_two_judges_agree_on_random_policies(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    policies = [_policy(chance, n) for n in range(chance.randint(1, 4))]
    traffic = []
    for _ in range(60):
        port, protocol = chance.choice(PORTS), chance.choice(["TCP", "UDP"])
        traffic.append(Traffic(_peer(chance), _peer(chance), port, "http" if port == 8000 else "", protocol))
    ours = [allowed(policies, t) for t in traffic]
    theirs = cyclonus(policies, traffic, tmp_path)
    assert len(theirs) == len(traffic)
    wrong = [(str(t), t.source, t.target, a, b) for t, a, b in zip(traffic, ours, theirs, strict=True) if a != b]
    assert not wrong, policies
