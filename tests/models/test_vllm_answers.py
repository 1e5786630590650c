"""What a real vLLM with the chart's flags answers, bare and through the gateway."""

import json
import subprocess
import sys

import httpx
import pytest

from ci.models import chart
from tests.models.conftest import Finding, chat, question, schema

#: Of one token each, to compare two servers.
_PROMPTS = 24


def test_an_answer_in_a_strict_schema_is_valid_and_holds_no_white_space(client):
    tokens = []
    for seed in range(20):
        asked = chat(f"case {seed}", max_tokens=512, temperature=1, seed=seed, **schema())
        answer = client.post("/v1/chat/completions", json=asked).json()
        (choice,) = answer["choices"]
        text = choice["message"]["content"]
        assert choice["finish_reason"] == "stop", text
        found = Finding.model_validate_json(text, strict=True, extra="forbid")
        assert text == json.dumps(found.model_dump(), separators=(",", ":"), ensure_ascii=False)
        tokens.append(answer["usage"]["completion_tokens"])
    assert max(tokens) < 512


async def test_the_gateway_gets_answers_that_fit(vllm, gateway):
    asked = [question(f"case{n}", kind=kind) for n in range(10) for kind in ("decision", "draft")]
    answers = await gateway(vllm).ask_many(asked)
    assert [type(a.value) for a in answers] == [Finding] * 20
    assert {a.run.finish_reason for a in answers} == {"stop"}
    assert all(a.run.tries == 1 and a.run.tokens_in and a.run.tokens_out for a in answers)


async def test_tokens_stream_through_the_gateway_and_add_up_to_the_answer(vllm, gateway):
    heard: list[str] = []

    async def on_token(text: str, number: int) -> None:
        heard.append(text)

    answer = await gateway(vllm).ask(question(), on_token=on_token)
    assert "".join(heard) == answer.run.text
    assert len(heard) > 1
    assert answer.run.tokens_out


async def test_a_decision_asked_twice_is_decided_the_same(vllm, gateway):
    asker = gateway(vllm)
    first, second = [await asker.ask(question()) for _ in range(2)]
    assert first.run.output_sha256 == second.run.output_sha256


async def test_the_cases_name_is_the_engines_name_of_the_request(vllm, gateway):
    answer = await gateway(vllm).ask(question("case-77"))
    assert answer.run.request_id.startswith("case-77-triage-")
    assert answer.run.request_id in answer.run.engine_id


def test_both_servers_hold_the_same_numbers(client, ollama):
    """The same tokens in, and greedily the same one out: of hundreds, by chance never. Random weights have near ties,
    which each server's rounding on each processor decides in its own way, so not for every prompt."""
    same = 0
    for n in range(_PROMPTS):
        asked = {"model": "tiny", "prompt": f"user: why did {n} fail?\nassistant: ", "max_tokens": 1, "temperature": 0}
        ours = client.post("/v1/completions", json=asked).json()
        theirs = httpx.post(f"{ollama.url}/api/generate", json={
            "model": "tiny", "prompt": asked["prompt"], "raw": True, "stream": False,
            "options": {"num_predict": 1, "temperature": 0, "repeat_penalty": 1}}, timeout=60).json()  # fmt: skip
        assert theirs["prompt_eval_count"] == ours["usage"]["prompt_tokens"]
        same += ours["choices"][0]["text"] == theirs["response"]
    assert same >= _PROMPTS * 2 / 3


@pytest.mark.parametrize(
    ("asked", "code"), [({}, 0), ({"model": "other"}, 1), ({"key": "wrong"}, 1)], ids=["as it is", "model", "key"]
)
def test_helm_test_passes_here_and_fails_on_another_model_or_key(vllm, asked, code):
    sets = {"global.llm.model": "tiny", "vllm.model.servedName": "tiny"}
    pod = chart.container("vllm", sets=sets, template="test-models")
    command = [sys.executable, *pod.command[1:3], vllm.base_url, asked.get("model", "tiny")]
    env = {"VLLM_API_KEY": asked.get("key", vllm.key)}
    done = subprocess.run(command, check=False, env=env, capture_output=True, text=True)
    assert done.returncode == code, done.stderr


@pytest.mark.parametrize("length", [10, 100])
def test_without_a_schema_an_answer_has_the_length_that_was_asked_for(client, length):
    answer = client.post("/v1/chat/completions", json=chat(max_tokens=length, temperature=1)).json()
    assert answer["usage"]["completion_tokens"] == length
    assert answer["choices"][0]["finish_reason"] == "length"
