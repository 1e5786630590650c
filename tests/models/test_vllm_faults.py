"""What goes wrong with a real vLLM, and what the gateway makes of it."""

import asyncio
import time
from collections import Counter

import httpx
import pytest
from pydantic import SecretStr

from ci.local.killing import free_port
from tests.models.conftest import Finding, Long, chat, question, schema
from workflow_orchestration.domain.errors import ModelUnavailable
from workflow_orchestration.llm import prompts


async def _at_once(vllm, bodies) -> list[httpx.Response]:
    limits = httpx.Limits(max_connections=len(bodies))
    async with httpx.AsyncClient(base_url=vllm.url, headers=vllm.headers, timeout=120, limits=limits) as client:
        return await asyncio.gather(*(client.post("/v1/chat/completions", json=body) for body in bodies))


def _counted(client, name: str) -> float:
    lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(name)]
    assert lines, f"no {name} at /metrics"
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


async def test_a_full_queue_answers_503_at_once_and_says_so_in_a_metric(vllm, client):
    before = _counted(client, "vllm:admission_rejections_total")
    answers = await _at_once(vllm, [chat(f"{n}", max_tokens=200) for n in range(60)])
    outcomes = Counter(answer.status_code for answer in answers)
    assert set(outcomes) == {200, 503}
    assert outcomes[200] >= 32  # what the chart lets run and wait
    assert {"retry-after" in a.headers for a in answers if a.status_code == 503} == {False}
    assert _counted(client, "vllm:admission_rejections_total") - before == outcomes[503]


async def test_a_full_queue_costs_cases_their_draft_and_gives_no_wrong_one(vllm, gateway):
    asker = gateway(vllm, at_once=20, breaker=0.5)
    crowd = asyncio.create_task(_at_once(vllm, [chat(f"{n}", max_tokens=300) for n in range(60)]))
    await asyncio.sleep(0.3)
    outcomes = await asker.ask_many([question(f"case{n}") for n in range(20)])
    await crowd
    failed = [outcome for outcome in outcomes if isinstance(outcome, ModelUnavailable)]
    assert {outcome.reason for outcome in failed} <= {"breaker_open", "deadline"}
    assert {o.run.finish_reason for o in outcomes if not isinstance(o, ModelUnavailable)} <= {"stop"}
    await asyncio.sleep(0.6)
    assert (await asker.run(question())).failure is None  # nobody had to do anything


async def test_a_wrong_key_is_asked_once_and_never_again(vllm, gateway):
    asker = gateway(vllm, api_key=SecretStr("wrong"))
    run = await asker.run(question())
    assert (run.failure, run.tries) == ("refused", 1)
    assert "401" in run.detail
    assert "wrong" not in run.detail


async def test_a_model_that_is_not_served_is_asked_for_once(vllm, gateway):
    run = await gateway(vllm, model="other").run(question())
    assert (run.failure, run.tries) == ("refused", 1)
    assert "404" in run.detail


async def test_a_prompt_that_is_too_long_is_refused_once_and_blames_nobody(vllm, gateway):
    asker = gateway(vllm)
    for _ in range(4):
        run = await asker.run(question(facts="x" * 30000))
        assert (run.failure, run.tries) == ("refused", 1)
    assert (await asker.run(question())).failure is None


async def test_a_server_that_is_gone_is_given_up_within_the_deadline(vllm, gateway):
    vllm_gone = type(vllm)(**{**vllm_fields(vllm), "port": free_port()})
    began = time.monotonic()
    run = await gateway(vllm_gone, deadline=6, breaker=30).run(question())
    assert run.failure in ("breaker_open", "deadline")
    assert time.monotonic() - began < 7
    with pytest.raises(ModelUnavailable) as error:
        await gateway(vllm_gone, deadline=2).ask(question())
    assert error.value.reason in ("breaker_open", "deadline")


def vllm_fields(vllm) -> dict:
    names = ("name", "command", "env", "health", "folder", "model", "key")
    return {name: getattr(vllm, name) for name in names}


async def test_an_answer_that_takes_too_long_ends_at_the_deadline_and_frees_its_place(vllm, client, gateway):
    began = time.monotonic()
    run = await gateway(vllm, deadline=1.0, max_output_tokens=4000).run(question(answer=Long))
    assert (run.failure, run.text) == ("deadline", "")
    assert time.monotonic() - began < 3
    for _ in range(50):
        if _counted(client, "vllm:num_requests_running") == 0:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the abandoned request still runs")


async def test_an_answer_that_is_cut_at_its_limit_is_no_answer(vllm, gateway):
    run = await gateway(vllm, max_output_tokens=16).run(question())
    assert (run.failure, run.finish_reason, run.tries) == ("cut_short", "length", 1)


async def test_a_schema_that_the_server_ignores_gives_no_answer(vllm, gateway, monkeypatch):
    """vLLM answers 200 to a field it does not know; only reading the answer shows that the schema was not heard."""
    options = prompts.options

    def unheard(*given):
        found = options(*given)
        found["guided_json"] = found.pop("response_format")["json_schema"]["schema"]
        return {**found, "stop": ["a", "e", '"']}

    monkeypatch.setattr(prompts, "options", unheard)
    run = await gateway(vllm).run(question())
    assert (run.failure, run.finish_reason, run.tries) == ("schema", "stop", 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n": 5}, "n"),
        ({"max_tokens": 100_000}, "max_tokens"),
        ({"temperature": 9}, "temperature"),
        ({"messages": "text"}, "messages"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}], "tool_choice": "auto"}, "tool"),
    ],
)
def test_what_cannot_be_done_is_refused_with_400(client, change, said):
    answer = client.post("/v1/chat/completions", json=chat(**change))
    assert answer.status_code == 400
    assert said in answer.text


def test_a_picture_in_a_prompt_is_not_fetched(client):
    part = {"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/x.png"}}
    answer = client.post("/v1/chat/completions", json=chat(messages=[{"role": "user", "content": [part]}]))
    assert answer.status_code == 400


def test_a_schema_that_is_no_schema_is_refused(client):
    broken = schema(Finding)
    broken["response_format"]["json_schema"]["schema"] = {"type": "object", "properties": {"a": {"type": "nothing"}}}
    answer = client.post("/v1/chat/completions", json=chat(**broken))
    assert answer.status_code == 400
