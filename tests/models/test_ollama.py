"""A real Ollama with the chart's settings: the same gateway, the same promises, where they apply."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from ci.models import chart
from ci.models import ollama as ollama_server
from tests.models.conftest import Finding, Long, chat, question, schema
from workflow_orchestration.domain.errors import ModelUnavailable


async def test_the_gateway_gets_answers_that_fit(ollama, gateway):
    answers = await gateway(ollama).ask_many([question(f"case{n}", kind="draft") for n in range(10)])
    fit = [a for a in answers if not isinstance(a, ModelUnavailable)]
    assert [type(a.value) for a in fit] == [Finding] * len(fit)
    assert {a.run.finish_reason for a in fit} == {"stop"}
    assert len(fit) >= 8  # white space between fields is allowed here, and may run to the limit
    assert {f.reason for f in answers if isinstance(f, ModelUnavailable)} <= {"cut_short", "schema"}


async def test_the_bound_on_an_answer_holds_here_too(ollama, gateway):
    """Ollama reads `max_tokens` and drops `max_completion_tokens` without a word; the gateway sends both."""
    run = await gateway(ollama, max_output_tokens=16).run(question())
    assert (run.failure, run.finish_reason, run.tokens_out) == ("cut_short", "length", 16)


def test_the_newer_name_of_the_bound_alone_is_not_heard(ollama):
    asked = {k: v for k, v in chat(max_completion_tokens=5, **schema()).items() if k != "max_tokens"}
    answer = httpx.post(f"{ollama.base_url}/chat/completions", json=asked, timeout=60).json()
    assert answer["usage"]["completion_tokens"] > 5


@pytest.mark.parametrize(("model", "code"), [("tiny", 0), ("other", 1)])
def test_helm_test_and_the_probe_ask_for_the_model(ollama, model, code):
    sets = {"global.llm.model": model}
    pod = chart.container("ollama", sets=sets, template="test-models")
    command = [sys.executable, *pod.command[1:3], f"{ollama.base_url}/models", model]
    assert subprocess.run(command, check=False, capture_output=True).returncode == code
    probe = chart.container("ollama", sets=sets).ready
    path = f"{Path(ollama.command[0]).parent}:{ollama.env['PATH']}"
    env = {**ollama.env, "PATH": path, "MODEL": model}
    asked = subprocess.run(probe, check=False, env=env, capture_output=True, text=True)
    assert asked.returncode == code, asked.stderr


async def test_a_full_queue_answers_503(tmp_path):
    """One answer at a time, two may wait."""
    small = ollama_server.server(tmp_path, sets={"ollama.server.maxQueue": 2})
    with small.running():
        async with httpx.AsyncClient(base_url=small.base_url, timeout=60) as client:
            bodies = [chat(f"{n}", max_tokens=2000) for n in range(12)]
            answers = await asyncio.gather(*(client.post("/chat/completions", json=body) for body in bodies))
    outcomes = Counter(answer.status_code for answer in answers)
    assert set(outcomes) == {200, 503}
    assert outcomes[503] >= 6


async def test_a_model_that_is_not_there_is_asked_for_once(ollama, gateway):
    run = await gateway(ollama, model="other").run(question())
    assert (run.failure, run.tries) == ("refused", 1)


async def test_an_answer_that_takes_too_long_ends_at_the_deadline(ollama, gateway):
    began = time.monotonic()
    run = await gateway(ollama, deadline=0.5, max_output_tokens=8000).run(question(answer=Long))
    assert run.failure == "deadline"
    assert time.monotonic() - began < 3


async def test_a_server_killed_in_mid_answer_leaves_no_half_answer(tmp_path, gateway):
    for how in (signal.SIGTERM, signal.SIGKILL):
        doomed = ollama_server.server(tmp_path / how.name)
        with doomed.running():
            asker = gateway(doomed, max_output_tokens=8000, deadline=8)
            heard = asyncio.Event()

            async def on_token(text: str, number: int, heard: asyncio.Event = heard) -> None:
                heard.set()

            asked = asyncio.create_task(asker.run(question(answer=Long), on_token=on_token))
            await heard.wait()
            doomed.process.send_signal(how)
            run = await asked
        assert run.failure is not None, json.dumps(run.text[:200])
