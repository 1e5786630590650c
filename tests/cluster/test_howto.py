"""docs/howto/deploy-minikube.md after `minikube start`: its command blocks, word by word, in one shell.

Only two things are added: `helm install` gets one more values file, for what this node has no image of; and a
port-forward, which stays in the foreground, is put into the background and waited for.
"""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import report
from tests.cluster.kube import ROOT, Cluster
from tests.cluster.release import NAMESPACE

PAGE = ROOT / "docs" / "howto" / "deploy-minikube.md"
#: Made by the page's own words; an earlier run's is in the way.
_SECRET_FILE = ROOT / ".state" / "cluster.env"
#: The page's images are built in minikube's Docker; here `make e2e` has built the same Dockerfiles already.
_ELSEWHERE = "## 1. Images"
_PORT_FORWARD = re.compile(r"kubectl port-forward .* (\d+):\d+$")
_OVERLAY = "airflow: {enabled: false}\n"
_SECONDS = 600


def sections() -> dict[str, list[str]]:
    """Heading -> the lines of its command blocks."""
    found: dict[str, list[str]] = {}
    for part in re.split(r"^(?=## )", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        blocks = re.findall(r"^```\n(.*?)^```$", part, flags=re.MULTILINE | re.DOTALL)
        if lines := [line for block in blocks for line in block.splitlines()]:
            found[part.splitlines()[0]] = lines
    return found


def _script(lines: list[str]) -> str:
    head = "set -eux\ntrap 'kill $(jobs -p) 2>&- || :' EXIT\n"
    return head + "".join(_awaited(line) if _PORT_FORWARD.match(line) else f"{line}\n" for line in lines)


def _awaited(line: str) -> str:
    port = _PORT_FORWARD.sub(r"\1", line)
    return f"{line} &\nfor _ in $(seq 100); do (: > /dev/tcp/127.0.0.1/{port}) 2>&- && break; sleep 0.2; done\n"


@pytest.fixture
def shell(cluster: Cluster, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a reader who has this repository, kubectl and Helm, and a helm that adds the overlay."""
    current = cluster.attempt("kubectl", "config", "current-context").stdout.strip()
    if cluster.context and current != cluster.context:
        pytest.skip(f"the page speaks to kubectl's current context, which is {current!r}")
    cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait", seconds=180)
    _SECRET_FILE.unlink(missing_ok=True)
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(_OVERLAY)
    path = cluster.environment["PATH"]
    helm = shutil.which("helm", path=path)
    assert helm is not None
    added = tmp_path / "helm"
    added.write_text(
        textwrap.dedent(f"""\
        #!/bin/sh
        if [ "$1" = install ]; then exec {helm} "$@" --values {overlay}; fi
        exec {helm} "$@"
        """)
    )
    added.chmod(0o755)
    yield {"PATH": f"{tmp_path}:{path}"}
    _SECRET_FILE.unlink(missing_ok=True)


def test_the_page_s_own_words_install_reach_and_remove_the_platform(cluster: Cluster, shell: dict[str, str]) -> None:
    words = sections()
    assert words.pop(_ELSEWHERE)[-1] == "make images"
    remove = words.pop("## Remove it")
    lines = [line for section in words.values() for line in section]
    assert len(lines) > 8
    ended = "curl --fail --silent $API_URL/ready\n"
    said = cluster.run("bash", "-c", _script(lines) + ended, env=shell, seconds=_SECONDS)
    assert '"status":"ok"' in said
    assert "Phase:          Succeeded" in said
    pods = cluster.get(NAMESPACE, "pods")
    restarts = sum(c["restartCount"] for pod in pods for c in pod["status"].get("containerStatuses", []))
    cluster.run("bash", "-c", _script(remove), env=shell, seconds=_SECONDS)
    assert cluster.attempt("kubectl", "get", "namespace", NAMESPACE).returncode != 0
    report.note(f"the page's own words: {len(lines) + len(remove)} lines, {restarts} restarts")
    assert restarts == 0
