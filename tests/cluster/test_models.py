"""A real vLLM in pods of a release: installed as a user does it, asked by `helm test`, heard by a case's agents, and
drained while it is asked. The words of its tiny model mean nothing: what is proven is that no answer is lost or half.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import httpx
import pytest
from dotenv import dotenv_values
from pydantic import BaseModel, Field, SecretStr

from tests.cluster import models, report
from tests.cluster.kube import Cluster, restarts, until
from tests.cluster.people import People
from tests.cluster.release import Release
from workflow_orchestration.domain.model_run import ModelRun
from workflow_orchestration.llm.config import ModelConfig
from workflow_orchestration.llm.contract import Question
from workflow_orchestration.llm.gateway import Gateway

#: Questions in flight at every moment of the drain.
AT_ONCE = 8
#: Answers of a stream straight from the pod that is to go, in tokens: seconds each.
_TOKENS = 800
_STREAMS = 3


class Long(BaseModel):
    """An answer that takes seconds to write, so that something can happen meanwhile."""

    lines: Annotated[list[Literal["the", "and", "in"]], Field(min_length=150, max_length=150)]


@pytest.fixture(scope="module")
def served(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    if not cluster.is_own_node:
        pytest.skip("vLLM lies on a volume of the node of `make cluster-up`")
    release = Release(
        cluster, tmp_path_factory.mktemp("models"), namespace="models", values=("values/minikube.yaml", *models.VALUES)
    )
    cluster.kubectl("delete", "namespace", release.namespace, "--ignore-not-found", "--wait", seconds=180)
    release.prepare()
    models.offer(cluster, release.namespace)
    release.install(seconds=300)
    report.note(f"install with two vLLM servers to all ready: {release.seconds:.1f} s")
    yield release
    # the next run waits for its end, this one need not: two servers drain
    cluster.kubectl("delete", "namespace", release.namespace, "--wait=false")
    models.withdraw(cluster, release.namespace)


@pytest.fixture(scope="module")
def people(served: Release) -> People:
    found = People(_at(served, "api"))
    found.load_book()
    return found


@pytest.fixture
async def gateway(served: Release) -> AsyncIterator[Gateway]:
    """The platform's own, at the Service's address, as a worker has it."""
    config = ModelConfig(
        base_url=f"{_at(served, 'vllm')}/v1",
        model="tiny",
        api_key=SecretStr(_key(served)),
        max_output_tokens=2000,
        at_once=AT_ONCE,
    )
    async with Gateway(config) as found:
        yield found


def _at(release: Release, part: str) -> str:
    """A Service inside the cluster, which the node itself reaches too."""
    spec = release.cluster.get(release.namespace, "service", f"{release.name}-{part}")["spec"]
    return f"http://{spec['clusterIP']}:{spec['ports'][0]['port']}"


def _key(release: Release) -> str:
    return str(dotenv_values(release.secret_file)["LLM_API_KEY"])


def _before_people(people: People, release: Release, message: str) -> tuple[dict[str, Any], Counter[str]]:
    """A case from its message until people are asked, and how its questions to the model ended."""
    case_id = people.post_sample(message)

    def look() -> dict[str, Any] | None:
        view = people.case(case_id)
        return view if view["approvals"] or view["tasks"] else None

    view = until(look, f"something for people to do on {case_id}", seconds=120)
    asked = f"select coalesce(failure, 'answered') from model_runs where case_id = '{case_id}'"
    return view, Counter(row[0] for row in release.database(asked))


def test_the_servers_come_up_in_restricted_pods_at_the_first_try(served: Release) -> None:
    pods = served.pods("server")
    assert len(served.ready_pods("server")) == len(pods) == 2
    assert not {name: n for name, n in restarts(pods).items() if n}


def test_helm_test_gets_an_answer_that_fits_its_schema(served: Release) -> None:
    pod = f"{served.name}-vllm-test-models"
    said = served.cluster.helm("test", served.name, "--namespace", served.namespace, f"--filter=name={pod}")
    assert pod in said
    assert "Phase:          Succeeded" in said
    assert "Failed" not in said


def test_a_case_is_talked_over_by_agents_and_comes_before_people(served: Release, people: People) -> None:
    case, questions = _before_people(people, served, "mt548-nmat-dmon-WO-1001")
    said = case["commentary"]
    report.note(f"a case's questions to a real vLLM: {dict(questions)}, degraded: {said and said['degraded']}")
    assert questions["answered"] >= 1
    assert said is not None
    assert said["degraded"] or said["refused"] or said["explanation"] or said["findings"], said


@dataclass
class Drained:
    """What was asked while a server went."""

    runs: list[ModelRun] = field(default_factory=list)
    #: How each stream from the server that went ended, and its tokens.
    streams: list[tuple[str, int]] = field(default_factory=list)
    running: float = 0
    seconds: float = 0


async def test_no_answer_is_lost_or_half_while_a_server_drains(
    served: Release, people: People, gateway: Gateway
) -> None:
    gone, drained = asyncio.Event(), Drained()
    name = (await asyncio.to_thread(served.await_ready, "server", 2))[0]
    asking = [asyncio.create_task(_ask_until(gone, gateway, drained, n)) for n in range(AT_ONCE)]
    ip = served.cluster.get(served.namespace, "pod", name)["status"]["podIP"]
    streams = [asyncio.create_task(_stream(served, ip)) for _ in range(_STREAMS)]
    drained.running = await asyncio.to_thread(_await_running, ip)
    began = time.monotonic()
    await asyncio.to_thread(served.kubectl, "delete", "pod", name, "--wait=false")
    case = asyncio.create_task(asyncio.to_thread(_before_people, people, served, "mt548-nmat-dmon-WO-1002"))
    await asyncio.to_thread(served.kubectl, "wait", f"pod/{name}", "--for=delete", "--timeout=70s")
    drained.seconds = time.monotonic() - began
    gone.set()
    await asyncio.gather(*asking)
    drained.streams = await asyncio.gather(*streams)
    _judge(drained)
    view, _ = await case
    assert view["commentary"] is not None


def _judge(drained: Drained) -> None:
    again = sum(run.tries > 1 for run in drained.runs)
    report.note(
        f"a vLLM pod drained in {drained.seconds:.0f} s with {drained.running:.0f} answers in it: "
        f"{len(drained.runs)} of {len(drained.runs)} questions answered, {again} after another try"
    )
    assert drained.running >= _STREAMS
    assert drained.streams == [("length", _TOKENS)] * _STREAMS
    assert len(drained.runs) > 2 * AT_ONCE
    assert [(run.failure, run.detail) for run in drained.runs if run.failure] == []
    assert all(len(Long.model_validate_json(run.text).lines) == 150 for run in drained.runs)


async def _ask_until(gone: asyncio.Event, gateway: Gateway, drained: Drained, n: int) -> None:
    while not gone.is_set():
        asked = Question(agent="triage", case_id=f"drain{n}", desk="equities", instructions="Say why it failed.",
                         facts=f"The message of case {n}.", answer=Long)  # fmt: skip
        drained.runs.append(await gateway.run(asked))


async def _stream(release: Release, ip: str) -> tuple[str, int]:
    """How a streamed answer ends that this server began, and its tokens as the server counted them."""
    body = {"model": "tiny", "messages": [{"role": "user", "content": "why?"}], "max_tokens": _TOKENS, "stream": True,
            "stream_options": {"include_usage": True}, "temperature": 1}  # fmt: skip
    headers = {"Authorization": f"Bearer {_key(release)}"}
    events = []
    async with (
        httpx.AsyncClient(headers=headers, timeout=60) as client,
        client.stream("POST", f"http://{ip}:8000/v1/chat/completions", json=body) as answer,
    ):
        async for line in answer.aiter_lines():
            if line.startswith("data: {"):
                events.append(json.loads(line.removeprefix("data: ")))
    ends = [choice["finish_reason"] for event in events for choice in event["choices"] if choice["finish_reason"]]
    return ends[-1] if ends else "none", (events[-1].get("usage") or {}).get("completion_tokens", 0)


def _await_running(ip: str) -> float:
    """How many answers the server is writing, once that is as many as were asked of it alone."""

    def look() -> float | None:
        lines = httpx.get(f"http://{ip}:8000/metrics", timeout=20).text.splitlines()
        running = sum(float(li.rsplit(" ", 1)[1]) for li in lines if li.startswith("vllm:num_requests_running"))
        return running if running >= _STREAMS else None

    return until(look, f"{_STREAMS} answers in the server at {ip}", seconds=30)
