"""Every subchart in one release: one case that a DAG waits for, by way of a real model to its effects, and the cost.

Kafka has no subchart; its bridge is proven on a real broker in tests/kafka.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.cluster import airflow, models, report
from tests.cluster.airflow import Site
from tests.cluster.kube import Cluster, Object, ready, restarts, until
from tests.cluster.node import cpu_seconds, peak_memory
from tests.cluster.people import ANN, BEN

_NAMESPACE = "wo-everything"
#: The sample book's instruction with a wrong amount; what is said of it needs a cancellation and a replacement.
_KEY, _DESK = "SAFE-0002/WO-1002", "equities"
#: Seconds from `helm install` until every pod is ready, images imported. The aim is 120; the rest is a busy machine's.
_READY_SECONDS = 240.0
#: Of its limit, which a pod may have held at most: page cache counts, and the kernel takes that back.
_SHARE = 0.95


@pytest.fixture(scope="module")
def everything(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if not cluster.is_own_node:
        pytest.skip("vLLM's volume is a folder of the node, and this node is another machine's")
    folder = tmp_path_factory.mktemp("everything")
    release = airflow.prepare(cluster, folder, _NAMESPACE, *models.VALUES, "tests/cluster/values-everything.yaml")
    models.offer(cluster, release.namespace)
    release.install(seconds=480)
    yield airflow.site(release)
    airflow.remove(release)
    models.withdraw(cluster, release.namespace)


def _pods(site: Site) -> dict[str, Object]:
    """The pods that stay, the model server's among them, by part."""
    found = {f"{pod['metadata']['labels']['app.kubernetes.io/name']} "
             f"{pod['metadata']['labels']['app.kubernetes.io/component']}": pod
             for pod in [*site.long_running().values(), *site.pods("vllm", "server")]}  # fmt: skip
    assert {"api api", "api worker", "checkpoints postgres", "vllm server"} < set(found)
    return found


def test_one_install_brings_every_part_up_and_none_restarted_on_the_way(everything: Site) -> None:
    pods = _pods(everything)
    report.note(
        f"everything in one release: install to all ready {everything.release.seconds:.1f} s, {len(pods)} parts"
    )
    assert len(pods) == 8
    assert all(ready(pod) for pod in pods.values())
    assert not {name: n for name, n in restarts([*pods.values()]).items() if n}
    assert everything.release.seconds < _READY_SECONDS
    _tell_costs(pods, "when all was ready")


def test_one_case_goes_by_way_of_the_model_and_two_people_to_its_effects_while_a_dag_waits(everything: Site) -> None:
    """The custodian's message opens the case, agents talk about it, a DAG's task takes it over; people decide."""
    people, rest = everything.people, everything.rest
    people.load_book()
    case_id = people.post_sample("mt548-nmat-dmon-WO-1002")
    rest.trigger("canary", "whole", workflow="settlement", key=_KEY, desk=_DESK)
    rest.until_task("canary", "whole", "case", "deferred", seconds=180)
    people.approve(case_id, ANN, BEN, seconds=240)
    people.until_delivered(case_id, 1)
    people.post_sample("mt548-cand-WO-1002")
    people.until_delivered(case_id, 2)
    people.post_sample("mt548-mach-WO-1001", WO_1001="WO-1002-R1")
    rest.until_run("canary", "whole", "success", seconds=240)
    assert rest.xcom("canary", "whole", "case") == case_id
    assert people.case(case_id)["status"] == "resolved"
    rows = everything.release.database(
        f"select count(*), count(*) filter (where failure is null and ended_at is not null), min(model) "
        f"from model_runs where case_id = '{case_id}'"
    )
    [(asked, answered, model)] = rows
    report.note(f"one case through everything: {answered} of {asked} questions to the model were answered")
    assert int(answered) > 0
    assert model == "tiny"


def test_every_subchart_passes_its_own_test(everything: Site) -> None:
    release = everything.release
    release.upgrade("--set", "airflow.canary.enabled=false", seconds=300)
    said = everything.helm_test()
    suites = re.findall(r"^TEST SUITE:\s+(\S+)\n(?:.*\n){2}Phase:\s+(\S+)", said, flags=re.MULTILINE)
    assert {phase for _, phase in suites} == {"Succeeded"}
    assert {name.split("-")[1] for name, _ in suites} == {"airflow", "api", "checkpoints", "vllm"}


def test_no_part_came_near_its_memory_limit(everything: Site) -> None:
    def all_ready() -> dict[str, Object] | None:
        pods = _pods(everything)
        return pods if all(ready(pod) for pod in pods.values()) else None

    pods = until(all_ready, "every pod ready", seconds=60)
    _tell_costs(pods, "after a case")
    peaks = {part: peak_memory(pod) / _limit(pod) for part, pod in pods.items()}
    assert {part: share for part, share in peaks.items() if share > _SHARE} == {}


def _tell_costs(pods: dict[str, Object], when: str) -> None:
    for part, pod in sorted(pods.items()):
        report.note(f"{part}, {when}: {cpu_seconds(pod):.1f} CPU-seconds since its start, "
                    f"{peak_memory(pod) / 2**20:.0f} MiB at most")  # fmt: skip


def _limit(pod: Object) -> int:
    """Bytes that the pod may hold."""
    units = {"Mi": 2**20, "Gi": 2**30}
    limits = [container["resources"]["limits"]["memory"] for container in pod["spec"]["containers"]]
    return sum(int(limit[:-2]) * units[limit[-2:]] for limit in limits)
