"""What the chart would run in a pod, rendered by Helm: what is started here is what is deployed."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import yaml  # type: ignore[import-untyped]

from ci.models.places import ROOT, NotReadied

Part = Literal["vllm", "vllm-gpu", "ollama"]
#: The subchart and the values that make its server; on a GPU vLLM has the chart's defaults.
_VALUES: dict[Part, tuple[str, tuple[str, ...]]] = {
    "vllm": ("vllm", ("values/minikube.yaml", "values/vllm-cpu.yaml")),
    "vllm-gpu": ("vllm", ()),
    "ollama": ("ollama", ("values/minikube.yaml", "ci/ollama-values.yaml")),
}


@dataclass(frozen=True)
class Container:
    """A container's program, its arguments and its plain environment; what comes from a Secret is left out."""

    command: tuple[str, ...]
    args: tuple[str, ...]
    env: Mapping[str, str]
    #: The command of its readiness probe, where that is one.
    ready: tuple[str, ...]


def container(part: Part, *, sets: Mapping[str, Any], template: str = "deployment") -> Container:
    """The container of a subchart's template, with these values set, such as {"vllm.server.maxNumSeqs": 2}."""
    subchart, files = _VALUES[part]
    command = [_helm(), "template", "wo", ".", f"--show-only=charts/{subchart}/templates/{template}.yaml"]
    command += [*(f"--values={file}" for file in files), *(f"--set-json={k}={json.dumps(v)}" for k, v in sets.items())]
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "KUBECONFIG": "/dev/null"}
    done = subprocess.run(command, cwd=ROOT, env=env, check=False, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"the chart refuses {dict(sets)}: {done.stderr.strip()}")
    rendered = yaml.safe_load(done.stdout)
    pod = rendered if rendered["kind"] == "Pod" else rendered["spec"]["template"]
    found = pod["spec"]["containers"][0]
    return Container(
        command=tuple(found["command"]),
        args=tuple(found.get("args", ())),
        env={variable["name"]: variable["value"] for variable in found.get("env", ()) if "value" in variable},
        ready=tuple(found.get("readinessProbe", {}).get("exec", {}).get("command", ())),
    )


def _helm() -> str:
    done = subprocess.run(
        ["sh", "ci/chart/tools.sh", "path", "helm"], cwd=ROOT, check=False, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise NotReadied("helm renders the server's arguments and could not be built; the line above says why")
    return done.stdout.strip()
