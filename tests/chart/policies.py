"""What NetworkPolicies allow, judged from the objects alone, as the Kubernetes documentation defines it.

A second judge, cyclonus, reads the same policies and the same traffic: two readings that must agree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path

from tests.chart.render import NAMESPACE, Object, run


@dataclass(frozen=True)
class Peer:
    """One end of a connection: a pod of some namespace, or an address outside the cluster."""

    called: str
    ip: str
    #: None outside the cluster.
    labels: dict[str, str] | None = None
    namespace: str = NAMESPACE

    @property
    def namespace_labels(self) -> dict[str, str]:
        return {"kubernetes.io/metadata.name": self.namespace}


@dataclass(frozen=True)
class Traffic:
    """An attempt to connect."""

    source: Peer
    target: Peer
    port: int
    #: Name of the port in the target's pod; policies may use it.
    port_name: str = ""
    protocol: str = "TCP"

    def __str__(self) -> str:
        return f"{self.source.called} -> {self.target.called}:{self.port}"


def allowed(policies: Sequence[Object], traffic: Traffic) -> bool:
    """Both ends must agree: what leaves the source, and what enters the target."""
    return _side(policies, traffic, "Egress") and _side(policies, traffic, "Ingress")


def _side(policies: Sequence[Object], traffic: Traffic, direction: str) -> bool:
    ours, other = (traffic.source, traffic.target) if direction == "Egress" else (traffic.target, traffic.source)
    applying = [p["spec"] for p in policies if direction in p["spec"]["policyTypes"] and _applies(p, ours)]
    # a pod that no policy selects, and an address outside, is free
    return not applying or any(
        _rule(rule, direction, other, traffic) for spec in applying for rule in _rules(spec, direction)
    )


def _rules(spec: Object, direction: str) -> list[Object]:
    return spec.get(direction.lower()) or []


def _applies(policy: Object, peer: Peer) -> bool:
    return (
        peer.labels is not None
        and policy["metadata"]["namespace"] == peer.namespace
        and matches(policy["spec"]["podSelector"], peer.labels)
    )


def _rule(rule: Object, direction: str, other: Peer, traffic: Traffic) -> bool:
    peers = rule.get("to" if direction == "Egress" else "from")
    return (not peers or any(_peer(p, other) for p in peers)) and (
        not rule.get("ports") or any(_port(p, traffic) for p in rule["ports"])
    )


def _peer(wanted: Object, peer: Peer) -> bool:
    if block := wanted.get("ipBlock"):
        inside = ip_address(peer.ip) in ip_network(block["cidr"])
        return inside and not any(ip_address(peer.ip) in ip_network(e) for e in block.get("except", []))
    if peer.labels is None:
        return False
    here = (
        matches(wanted["namespaceSelector"], peer.namespace_labels)
        if "namespaceSelector" in wanted
        else (peer.namespace == NAMESPACE)
    )
    return here and matches(wanted.get("podSelector") or {}, peer.labels)


def _port(wanted: Object, traffic: Traffic) -> bool:
    if wanted.get("protocol", "TCP") != traffic.protocol:
        return False
    match wanted.get("port"):
        case None:
            return True
        case int(first):
            return first <= traffic.port <= int(wanted.get("endPort", first))
        case named:
            return bool(named == traffic.port_name)


def matches(selector: Object, labels: dict[str, str]) -> bool:
    return (selector.get("matchLabels") or {}).items() <= labels.items() and all(
        _expression(e, labels) for e in selector.get("matchExpressions") or []
    )


def _expression(wanted: Object, labels: dict[str, str]) -> bool:
    value = labels.get(wanted["key"])
    match wanted["operator"]:
        case "In":
            return value in wanted["values"]
        case "NotIn":
            return value not in wanted["values"]
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case other:
            raise ValueError(f"operator {other}: there are In, NotIn, Exists and DoesNotExist")


def cyclonus(policies: Sequence[Object], traffic: Sequence[Traffic], folder: Path) -> list[bool]:
    """Its verdict on each; it reads one policy a file, and ignores the later ones of a file with several."""
    for number, policy in enumerate(policies):
        (folder / "policies").mkdir(exist_ok=True)
        (folder / "policies" / f"{number}.yaml").write_text(json.dumps(policy))
    (folder / "traffic.json").write_text(json.dumps([_cyclonus_traffic(t) for t in traffic]))
    done = run(
        "cyclonus",
        "analyze",
        "--mode=query-traffic",
        f"--policy-path={folder / 'policies'}",
        f"--traffic-path={folder / 'traffic.json'}",
    )
    assert done.returncode == 0, done.stderr
    return [v.lower() == "true" for v in re.findall(r"is allowed\?\s*\|\s*(true|false)", done.stdout, re.IGNORECASE)]


def _cyclonus_traffic(traffic: Traffic) -> Object:
    return {
        "Source": _cyclonus_peer(traffic.source),
        "Destination": _cyclonus_peer(traffic.target),
        "Protocol": traffic.protocol,
        "ResolvedPort": traffic.port,
        "ResolvedPortName": traffic.port_name,
    }


def _cyclonus_peer(peer: Peer) -> Object:
    inside = {"PodLabels": peer.labels, "NamespaceLabels": peer.namespace_labels, "Namespace": peer.namespace}
    return {"Internal": None if peer.labels is None else inside, "IP": peer.ip}
