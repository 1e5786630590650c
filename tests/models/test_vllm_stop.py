"""A pod's end: SIGTERM while answers are being written. Last of its kind, since it leaves no server."""

import asyncio
import json

import httpx
import pytest

from ci.models import vllm as vllm_server
from tests.models.conftest import Long, chat, question
from workflow_orchestration.domain.errors import ModelUnavailable

#: Answers that take some seconds each on a CPU.
TOKENS = 1500


async def _stream(server, begun: asyncio.Event) -> tuple[str, int, bool]:
    """How a streamed answer ended, its tokens as the server counted them, and whether the stream was closed in form."""
    end, tokens, done = "", 0, False
    body = chat(max_tokens=TOKENS, stream=True, stream_options={"include_usage": True}, temperature=1)
    async with (
        httpx.AsyncClient(base_url=server.url, headers=server.headers, timeout=120) as client,
        client.stream("POST", "/v1/chat/completions", json=body) as answer,
    ):
        async for line in answer.aiter_lines():
            data = line.removeprefix("data: ")
            done = done or data == "[DONE]"
            if not data.startswith("{"):
                continue
            begun.set()
            event = json.loads(data)
            if "error" in event:
                return "error", tokens, done
            end = next((c["finish_reason"] for c in event["choices"] if c["finish_reason"]), end)
            tokens = (event.get("usage") or {}).get("completion_tokens", tokens)
    return end, tokens, done


async def _refusal(server) -> str:
    """What a client hears that comes while the server drains."""
    try:
        async with httpx.AsyncClient(headers=server.headers, timeout=httpx.Timeout(5, connect=2)) as client:
            return str((await client.post(f"{server.base_url}/chat/completions", json=chat(max_tokens=2))).status_code)
    except httpx.HTTPError as error:
        return type(error).__name__


async def test_with_the_charts_flags_every_answer_that_was_begun_is_finished(vllm, gateway):
    begun = [asyncio.Event() for _ in range(4)]
    streams = [asyncio.create_task(_stream(vllm, event)) for event in begun]
    asker = gateway(vllm, max_output_tokens=4000, deadline=120, timeout=120)
    asked = asyncio.create_task(asker.ask(question(answer=Long)))
    await asyncio.gather(*(event.wait() for event in begun))
    vllm.terminate()
    await asyncio.sleep(1)
    late = await _refusal(vllm)
    assert await asyncio.gather(*streams) == [("length", TOKENS, True)] * 4
    assert len((await asked).value.lines) == 400
    # it does not say 503: who comes late must take a 500 or a closed door as "ask another"
    assert late in ("500", "503", "ConnectError", "ConnectTimeout", "ReadTimeout", "ReadError", "RemoteProtocolError")
    assert await asyncio.to_thread(vllm.wait, 60) in (0, -15, 143)


@pytest.fixture
def hasty(tmp_path):
    """vLLM as it is without the chart's flag: nothing in flight is waited for."""
    server = vllm_server.server(tmp_path, sets={"vllm.server.shutdownTimeoutSeconds": 0})
    with server.running():
        yield server


async def test_without_the_flag_answers_are_cut_and_none_of_them_is_taken_for_an_answer(hasty, gateway):
    begun = [asyncio.Event() for _ in range(3)]
    streams = [asyncio.create_task(_stream(hasty, event)) for event in begun]
    asker = gateway(hasty, max_output_tokens=4000, deadline=15, timeout=15)
    heard = asyncio.Event()

    async def on_token(text: str, number: int) -> None:
        heard.set()

    streamed = asyncio.create_task(asker.run(question("case1", answer=Long), on_token=on_token))
    whole = [asyncio.create_task(asker.ask(question(f"case{n}", answer=Long))) for n in range(2, 5)]
    await asyncio.gather(heard.wait(), *(event.wait() for event in begun))
    hasty.terminate()
    ends = await asyncio.gather(*streams, return_exceptions=True)
    # a race decides: "abort" at the end of a 200 that looks whole, an error in the stream, or a connection that breaks
    cut = [end if isinstance(end, BaseException) else end[0] for end in ends]
    assert all(end in ("abort", "error", "") or isinstance(end, httpx.HTTPError) for end in cut), cut
    run = await streamed
    assert run.failure is not None
    for outcome in await asyncio.gather(*whole, return_exceptions=True):
        assert isinstance(outcome, ModelUnavailable), outcome
