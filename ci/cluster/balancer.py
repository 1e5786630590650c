"""Gives each Service of type LoadBalancer an address, as a cloud's controller would. Runs inside the node."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator

from ci.cluster import parts, places

_FIRST = 100
_COLUMNS = "custom-columns=N:.metadata.namespace,S:.metadata.name,T:.spec.type,I:.status.loadBalancer.ingress"


def watch() -> None:
    """Until the node ends; kube-proxy does the rest as soon as the address stands in the Service."""
    given: dict[tuple[str, str], str] = {}
    while True:
        for namespace, name in _without_address():
            address = given.setdefault((namespace, name), _address(len(given)))
            status = json.dumps({"status": {"loadBalancer": {"ingress": [{"ip": address}]}}})
            _kubectl("-n", namespace, "patch", "service", name, "--subresource=status", "--type=merge", "-p", status)
        # a stream that ended, e.g. with the API server, is opened again
        time.sleep(1)


def _address(number: int) -> str:
    return f"{places.NODE_ADDRESS.rsplit('.', 1)[0]}.{_FIRST + number}"


def _without_address() -> Iterator[tuple[str, str]]:
    command = [*_base(), "get", "services", "-A", "--watch", "--no-headers", "-o", _COLUMNS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        for line in process.stdout or ():
            match line.split():
                case [namespace, name, "LoadBalancer", "<none>"]:
                    yield namespace, name
                case _:
                    continue


def _kubectl(*arguments: str) -> None:
    subprocess.run([*_base(), *arguments], check=False, capture_output=True, timeout=30)


def _base() -> list[str]:
    return [str(parts.ready()["kubectl"]), f"--kubeconfig={places.KUBECONFIG}"]
