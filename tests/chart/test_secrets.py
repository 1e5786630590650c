"""Which pod gets which key of the operator's Secret: the table of docs/howto/secrets.md, and nothing beyond it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chart.render import ENVIRONMENTS, ROOT, Object, environment, objects, of_kind, refusal
from tests.chart.sweep import Pod, pods, sweep
from tests.chart.test_network import EVERYTHING

PAGE = ROOT / "docs" / "howto" / "secrets.md"
#: What only the operator knows: whose tokens count, an account at a model hub, and one at Kafka.
NOT_OURS_TO_MAKE = {"OIDC_ISSUERS", "LOCAL_ISSUER_KEY", "HF_TOKEN", "KAFKA_SASL_PASSWORD"}
#: `wo` without its script, which a copy of the repository has not.
CLI = "from workflow_orchestration.cli.main import main; main()"
#: Chart -> the value that rolls its pods.
ROTATIONS = {
    "api": "secrets.rotation",
    "airflow": "data.rotation",
    "vllm": "secrets.rotation",
    "checkpoints": "secrets.rotation",
}


def _keys(pod: Pod) -> set[str]:
    """Keys of Secrets that a pod's containers can read, as variables or as files."""
    refs = [(e.get("valueFrom") or {}).get("secretKeyRef") for c in pod.containers for e in c.get("env", [])]
    keys = {ref["key"] for ref in refs if ref}
    for volume in pod.spec.get("volumes", []):
        if secret := volume.get("secret"):
            keys |= {item["key"] for item in secret.get("items", [])} or {"*"}
    return keys


def _rendered() -> dict[str, set[str]]:
    rendered = objects(environment("minikube", sets={**EVERYTHING, "api.auth.localIssuer": True}))
    found: dict[str, set[str]] = {}
    for pod in pods(rendered):
        found.setdefault(pod.part, set()).update(_keys(pod))
    return {part: keys for part, keys in found.items() if keys}


def _table() -> dict[str, set[str]]:
    """Pod -> keys, from the page's rows `| chart | pod | `KEY`, `KEY` | for |`."""
    rows = re.findall(r"^\| (\w+) \| ([\w-]+) \| (`.+?`) \|", PAGE.read_text(), re.MULTILINE)
    return {f"{chart}/{pod}": set(re.findall(r"`([A-Z_]+)`", keys)) for chart, pod, keys in rows}


def test_each_pod_gets_the_keys_of_the_table_and_no_other() -> None:
    assert _rendered() == _table()


def test_no_pod_takes_a_whole_secret() -> None:
    def fault(pod: Pod) -> list[str]:
        whole = [str(s) for c in pod.containers for s in c.get("envFrom", []) if "secretRef" in s]
        return whole + [str(v) for v in pod.spec.get("volumes", []) if "secret" in v and not v["secret"].get("items")]

    sweep(pods(objects(environment("minikube", sets=EVERYTHING))), fault, called=lambda p: p.owner)


def test_a_task_of_airflow_gets_no_key_of_the_database_or_of_airflow() -> None:
    # what a DAG's author runs must not read Airflow's metadata or forge its tokens
    keys = {key for part, found in _rendered().items() if part == "airflow/worker" for key in found}
    assert not [key for key in keys if re.search("DATABASE|FERNET|JWT|API_SECRET|POSTGRES", key)]


def test_no_pod_that_serves_works_as_the_owner() -> None:
    owners = {part for part, keys in _rendered().items() if "DATABASE_OWNER_URL" in keys}
    assert owners == {"api/migrate", "checkpoints/roles"}


def test_every_credential_can_come_from_a_secret_of_its_own() -> None:
    name = {"api.secrets.apiDatabaseUrl.secretName": "mine", "api.secrets.apiDatabaseUrl.key": "uri"}
    rendered = objects(environment("minikube", sets=name))
    [api] = [t for t in of_kind(rendered, "Deployment") if t["metadata"]["name"] == "wo-api"]
    env: list[Object] = api["spec"]["template"]["spec"]["containers"][0]["env"]
    [url] = [e for e in env if e["name"] == "DATABASE_URL"]
    assert url["valueFrom"]["secretKeyRef"] == {"name": "mine", "key": "uri"}


def test_a_rotated_secret_rolls_every_pod_that_reads_it() -> None:
    sets = {**EVERYTHING}
    rotations = {f"{chart}.{path}": "2" for chart, path in ROTATIONS.items()}
    before = {p.owner: p for p in pods(objects(environment("minikube", sets=sets)))}
    after = {p.owner: p for p in pods(objects(environment("minikube", sets={**sets, **rotations})))}
    readers = [p for p in before.values() if p.long_running and _keys(p)]
    sweep(readers, lambda p: after[p.owner].annotations == p.annotations and "is not rolled", called=lambda p: p.owner)


@pytest.mark.parametrize("env", ["gke", "eks"])
def test_the_local_token_issuer_is_refused_outside_minikube(env: str) -> None:
    said = refusal(environment(env, sets={"api.auth.localIssuer": True}))
    assert "api.auth.localIssuer" in said
    assert "minikube" in said


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_local_issuers_key_goes_to_the_api_only_where_it_is_on(env: str) -> None:
    readers = {p.part for p in pods(objects(environment(env))) if "LOCAL_ISSUER_KEY" in _keys(p)}
    assert readers == ({"api/api"} if env == "minikube" else set())


def test_wo_env_writes_every_key_that_the_pods_read(tmp_path: Path) -> None:
    file = tmp_path / "cluster.env"
    command = [sys.executable, "-c", CLI, "env", "--target", "cluster"]
    subprocess.run(
        [*command, "--database", "wo-checkpoints:5432/wo", "--write", str(file)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src")},
        check=False,
        capture_output=True,
    )
    written = dict(re.findall(r"^([A-Z_]+)=(.+)$", file.read_text(), re.MULTILINE))
    read = {key for keys in _rendered().values() for key in keys} - NOT_OURS_TO_MAKE
    assert not read - written.keys()
    assert len(set(written.values())) == len(written), "two keys have one value"
