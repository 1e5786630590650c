"""The gateway on a real socket: what is sent, what is retried, what is never taken for an answer."""

from __future__ import annotations

import asyncio
import time

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from tests.integration.llm.conftest import KEY, Verdict, config, question
from tests.integration.llm.server import FITTING, Say
from workflow_orchestration.llm import prompts
from workflow_orchestration.llm.breaker import FAILURES
from workflow_orchestration.llm.contract import ModelUnavailable
from workflow_orchestration.llm.gateway import Gateway


async def failure(gateway, asked=None, **more) -> ModelUnavailable:
    with pytest.raises(ModelUnavailable) as caught:
        await gateway.ask(asked or question(), **more)
    return caught.value


async def quiet(_text: str, _try: int) -> None:
    """Somebody who wants tokens and does nothing with them: the answer then comes as a stream."""


STREAMED_OR_NOT = pytest.mark.parametrize("on_token", [None, quiet], ids=["whole", "streamed"])


# -- what is sent -------------------------------------------------------------------------------------------


@STREAMED_OR_NOT
async def test_an_answer_comes_back_with_all_that_is_recorded_of_it(gateway, on_token):
    answer = await gateway.ask(question(), on_token=on_token)
    run = answer.run
    assert answer.value == Verdict(verdict="late", because="the custodian was closed")
    assert (run.agent, run.kind, run.model, run.revision) == ("triage", "decision", "m", "r1")
    assert (run.text, run.finish_reason, run.tokens_in, run.tokens_out, run.tries) == (FITTING, "stop", 11, 7, 1)
    assert (run.failure, str(run.cost)) == (None, "0.000064")
    assert run.output_sha256.startswith("sha256:")
    assert 0 < run.seconds < 5


async def test_both_names_of_the_bound_and_a_strict_schema_are_sent(gateway, server):
    await gateway.ask(question())
    [body] = server.asked("case1")
    assert (body["max_tokens"], body["max_completion_tokens"]) == (512, 512)
    form = body["response_format"]
    assert (form["type"], form["json_schema"]["strict"]) == ("json_schema", True)
    assert form["json_schema"]["schema"]["required"] == ["verdict", "because"]
    assert form["json_schema"]["schema"]["additionalProperties"] is False


@STREAMED_OR_NOT
async def test_a_request_is_what_a_file_of_questions_would_hold(gateway, server, on_token):
    asked = question(kind="draft")
    await gateway.ask(asked, on_token=on_token)
    [body] = server.asked("case1")
    del body["stream"]
    body.pop("stream_options", None)
    assert body == prompts.body(asked, gateway.config)


@pytest.mark.parametrize(("kind", "temperature"), [("decision", 0.0), ("draft", 0.7)])
async def test_decisions_are_cold_and_drafts_are_not(gateway, server, kind, temperature):
    await gateway.ask(question(kind=kind))
    assert server.asked("case1")[0]["temperature"] == temperature


async def test_the_request_id_names_case_agent_and_try(gateway, server):
    server.script("case1", Say(status=503), Say())
    answer = await gateway.ask(question())
    ids = [headers["x-request-id"] for headers, _ in server.requests]
    assert [i.startswith("case1-triage-") for i in ids] == [True, True]
    assert [i.rsplit("-", 1)[1] for i in ids] == ["1", "2"]
    assert answer.run.request_id == ids[1]


async def test_each_try_has_a_connection_of_its_own_so_that_another_server_may_answer_it(gateway, server):
    server.script("case1", Say(status=500), Say())
    await gateway.ask(question())
    await gateway.ask(question("case2"))
    assert len(set(server.ports)) == len(server.ports) == 3


async def test_the_key_is_sent_and_said_nowhere_else(gateway, server):
    padded = "x" * 170  # the key would lie over the end of what is quoted
    server.script("case1", Say(status=401, text=f"{padded} {KEY}"))
    with capture_logs() as logged:
        refused = await failure(gateway)
    assert server.requests[0][0]["authorization"] == f"Bearer {KEY}"
    assert KEY[:8] not in f"{refused.detail} {gateway.config} {vars(gateway)} {logged}"


async def test_the_log_never_holds_prompt_or_answer(gateway, server):
    server.script("case1", Say("the custodian's secret"))
    with capture_logs() as logged:
        await failure(gateway, question(facts="the client's name"))
    assert [entry["reason"] for entry in logged] == ["schema"]
    assert "client's name" not in str(logged)
    assert "custodian's secret" not in str(logged)


# -- tokens -------------------------------------------------------------------------------------------------


async def test_tokens_arrive_in_order_and_make_up_the_answer(gateway):
    heard = []

    async def hear(text, number):
        heard.append((text, number))

    answer = await gateway.ask(question(), on_token=hear)
    assert "".join(text for text, _ in heard) == answer.run.text
    assert len(heard) > 1


async def test_a_later_try_makes_earlier_tokens_void(gateway, server):
    server.script("case1", Say(finish="abort"), Say())
    numbers = []

    async def hear(_text, number):
        numbers.append(number)

    await gateway.ask(question(), on_token=hear)
    assert sorted(set(numbers)) == [1, 2]


# -- never half an answer -------------------------------------------------------------------------------------


@STREAMED_OR_NOT
@pytest.mark.parametrize("end", ["length", "repetition", "content_filter", "tool_calls"])
async def test_an_answer_that_was_cut_short_is_no_answer_and_not_asked_again(gateway, server, end, on_token):
    server.script("case1", Say(finish=end))
    refused = await failure(gateway, on_token=on_token)
    assert (refused.reason, len(server.asked("case1"))) == ("cut_short", 1)
    assert end in refused.detail


@STREAMED_OR_NOT
@pytest.mark.parametrize("end", ["abort", "error", None])
async def test_an_answer_whose_engine_stopped_is_asked_for_again(gateway, server, end, on_token):
    server.script("case1", Say('{"verdict":"half","because":"x"}', finish=end), Say())
    answer = await gateway.ask(question(), on_token=on_token)
    assert (answer.value.verdict, answer.run.tries) == ("late", 2)
    assert (answer.run.tokens_in, answer.run.tokens_out) == (22, 14), "both tries used tokens"


@STREAMED_OR_NOT
@pytest.mark.parametrize(
    "first",
    [Say(cut=True), Say(raw="<html>a proxy's page</html>"), Say(status=500), Say(status=502, raw="<html/>")],
    ids=["cut", "proxy", "draining", "bad gateway"],
)
async def test_what_is_no_completion_is_tried_again(gateway, server, first, on_token):
    server.script("case1", first, Say())
    answer = await gateway.ask(question(), on_token=on_token)
    assert (answer.value.verdict, answer.run.tries) == ("late", 2)


async def test_an_error_in_the_middle_of_a_stream_is_tried_again(gateway, server):
    """vLLM reports a dead engine this way once the status 200 is out."""
    said = 'data: {"error":{"message":"EngineCore encountered an issue","code":500}}\n\n'
    server.script("case1", Say(raw=said, headers={"content-type": "text/event-stream"}), Say())
    answer = await gateway.ask(question(), on_token=quiet)
    assert (answer.value.verdict, answer.run.tries) == ("late", 2)


# -- what is retried --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_a_passing_failure_is_tried_again(gateway, server, status):
    server.script("case1", Say(status=status), Say(status=status), Say())
    assert (await gateway.ask(question())).run.tries == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
async def test_what_no_retry_can_cure_is_asked_once(gateway, server, status):
    server.script("case1", Say("This model's maximum context length is 512 tokens.", status=status))
    refused = await failure(gateway)
    assert (refused.reason, len(server.asked("case1"))) == ("refused", 1)
    assert f"{status} - This model's maximum context length" in refused.detail


async def test_retry_after_is_honoured(gateway, server):
    server.script("case1", Say(status=429, headers={"retry-after": "0.4"}), Say())
    answer = await gateway.ask(question())
    assert answer.run.seconds >= 0.4


async def test_a_server_that_wants_to_be_left_alone_for_longer_than_there_is_time_is(gateway, server):
    server.script("case1", Say(status=503, headers={"retry-after": "3600"}))
    refused = await failure(gateway)
    assert (refused.reason, len(server.asked("case1"))) == ("deadline", 1)


@STREAMED_OR_NOT
async def test_a_silent_server_ends_with_the_deadline(server, on_token):
    server.script("case1", Say(after=5))
    began = time.monotonic()
    async with Gateway(config(server, timeout=4, deadline=0.3)) as gateway:
        refused = await failure(gateway, on_token=on_token)
    assert refused.reason == "deadline"
    assert time.monotonic() - began < 3


async def test_tries_that_time_out_end_with_the_deadline_of_all(server):
    server.script("case1", Say(after=5))
    began = time.monotonic()
    async with Gateway(config(server, timeout=0.1, deadline=0.25)) as gateway:
        refused = await failure(gateway)
    assert refused.reason == "deadline"
    assert time.monotonic() - began < 3


# -- the schema -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        "no JSON at all",
        '{"verdict":"late"}',
        '{"verdict":1,"because":"x"}',
        '{"verdict":"late","because":"x","amount":"9"}',
        '{"verdict":"late","because":"\\u0000"}',
        '{"verdict":"late","because":"\\ud800"}',
        "",
    ],
)
async def test_two_answers_that_do_not_fit_are_no_answer(gateway, server, wrong):
    server.script("case1", Say(wrong))
    refused = await failure(gateway)
    assert (refused.reason, len(server.asked("case1"))) == ("schema", 2)


async def test_the_second_asking_says_what_was_wrong_and_keeps_the_prefix(gateway, server):
    server.script("case1", Say('{"verdict":"late"}'), Say())
    answer = await gateway.ask(question())
    first, second = (body["messages"] for body in server.asked("case1"))
    assert second[: len(first)] == first
    assert [m["role"] for m in second] == ["system", "user", "assistant", "user"]
    assert "because: Field required" in second[-1]["content"]
    assert answer.run.tries == 2


async def test_raw_nul_and_half_characters_are_made_printable_before_they_are_hashed(gateway, server):
    server.script("case1", Say("a\x00b\ud800"))
    run = await gateway.run(question())
    assert run.failure == "schema"
    assert run.text == "a\N{REPLACEMENT CHARACTER}b?"


# -- the breaker ------------------------------------------------------------------------------------------------


async def test_three_failures_open_the_breaker_and_the_next_question_is_not_sent(gateway, server):
    server.script("case1", Say(status=500))
    assert (await failure(gateway)).reason == "breaker_open"
    assert len(server.asked("case1")) == FAILURES
    assert (await failure(gateway, question("case2"))).reason == "breaker_open"
    assert server.asked("case2") == []
    assert REGISTRY.get_sample_value("wo_llm_breaker_open") == 1


async def test_it_closes_by_itself_once_the_server_answers(server, monkeypatch):
    monkeypatch.setattr("workflow_orchestration.llm.gateway._backoff", lambda _tries: 0.01)
    server.script("case1", *[Say(status=500)] * FAILURES, Say())
    async with Gateway(config(server, breaker=0.2)) as gateway:
        assert (await failure(gateway)).reason == "breaker_open"
        await asyncio.sleep(0.25)
        assert (await gateway.ask(question())).value.verdict == "late"
        assert not gateway.breaker.is_open
    assert REGISTRY.get_sample_value("wo_llm_breaker_open") == 0


async def test_a_server_that_is_not_there_opens_it(server):
    async with Gateway(config(server, base_url="http://127.0.0.1:9/v1")) as gateway:
        refused = await failure(gateway)
    assert refused.reason == "breaker_open"
    assert "cannot be reached" in refused.detail


async def test_silence_until_the_deadline_opens_it_too(server):
    server.script("case1", Say(after=5))
    async with Gateway(config(server, timeout=4, deadline=0.05)) as gateway:
        reasons = [(await failure(gateway)).reason for _ in range(FAILURES + 1)]
    assert reasons == ["deadline"] * FAILURES + ["breaker_open"]


async def test_questions_that_are_wrong_by_themselves_do_not_open_it(gateway, server):
    server.script("bad", Say(status=400))
    for _ in range(FAILURES + 1):
        assert (await failure(gateway, question("bad"))).reason == "refused"
    assert not gateway.breaker.is_open


@pytest.mark.parametrize(
    "full",
    [
        Say("The engine is currently busy and cannot accept new requests.", status=503),
        Say(status=503, headers={"retry-after": "0.01"}),
        Say(status=429),
    ],
    ids=["vLLM", "when to come back", "too many"],
)
async def test_a_server_without_room_is_asked_on_and_does_not_open_it(gateway, server, full):
    server.script("case1", *[full] * (2 * FAILURES), Say())
    assert (await gateway.ask(question())).run.tries == 2 * FAILURES + 1
    assert not gateway.breaker.is_open


async def test_a_server_that_stays_full_costs_the_deadline_and_says_why(server):
    server.script("case1", Say("The engine is currently busy", status=503))
    async with Gateway(config(server, deadline=0.3)) as gateway:
        refused = await failure(gateway)
        assert not gateway.breaker.is_open
    assert refused.reason == "deadline"
    assert "currently busy" in refused.detail


async def test_a_wrong_key_opens_it(gateway, server):
    server.script("bad", Say(status=401))
    reasons = [(await failure(gateway, question("bad"))).reason for _ in range(FAILURES + 1)]
    assert reasons == ["refused"] * FAILURES + ["breaker_open"]


async def test_a_probe_that_is_cancelled_leaves_the_way_free_for_the_next(server, monkeypatch):
    monkeypatch.setattr("workflow_orchestration.llm.gateway._backoff", lambda _tries: 0.01)
    server.script("case1", *[Say(status=500)] * FAILURES, Say(after=5), Say())
    async with Gateway(config(server, breaker=0.05)) as gateway:
        await failure(gateway)
        await asyncio.sleep(0.1)
        probe = asyncio.create_task(gateway.ask(question()))
        while len(server.asked("case1")) <= FAILURES:
            await asyncio.sleep(0.01)
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        assert (await gateway.ask(question())).value.verdict == "late"


# -- many ---------------------------------------------------------------------------------------------------------


async def test_two_hundred_rows_with_five_bad_ones_are_195_answers_and_five_named_failures_in_order(gateway, server):
    bad = {7: Say(status=400), 40: Say("no JSON"), 80: Say(finish="length"), 120: Say(status=404), 199: Say("{}")}
    for n, say in bad.items():
        server.script(f"row{n:03}", say)
    rows = [question(f"row{n:03}") for n in range(200)]
    results = await gateway.ask_many(rows)
    failed = {n: r.reason for n, r in enumerate(results) if isinstance(r, ModelUnavailable)}
    assert failed == {7: "refused", 40: "schema", 80: "cut_short", 120: "refused", 199: "schema"}
    answered = [(n, r) for n, r in enumerate(results) if n not in bad]
    assert len(answered) == 195
    assert all(r.run.request_id.startswith(f"row{n:03}-") for n, r in answered)


async def test_no_more_questions_are_out_at_once_than_the_bound(server):
    server.script("row", Say(after=0.02))
    async with Gateway(config(server, at_once=3)) as gateway:
        await gateway.ask_many([question("row") for _ in range(12)], at_once=50)
    assert server.most_at_once == 3


async def test_waiting_for_a_slot_costs_nothing_of_the_deadline(server):
    server.script("row", Say(after=0.5))
    async with Gateway(config(server, at_once=1, deadline=1.5)) as gateway:
        results = await gateway.ask_many([question("row") for _ in range(5)], at_once=5)
    assert [type(r).__name__ for r in results] == ["Answer"] * 5


# -- the numbers --------------------------------------------------------------------------------------------------


async def test_questions_tries_and_tokens_are_counted(gateway, server):
    def now():
        names = {
            "asked": ("wo_llm_questions_total", {"agent": "counted", "outcome": "answered"}),
            "in": ("wo_llm_tokens_total", {"agent": "counted", "direction": "in"}),
            "503": ("wo_llm_tries_total", {"outcome": "503"}),
        }
        return {k: REGISTRY.get_sample_value(*v) or 0 for k, v in names.items()}

    before = now()
    server.script("case1", Say(status=503), Say())
    await gateway.ask(question(agent="counted"))
    assert {k: v - before[k] for k, v in now().items()} == {"asked": 1, "in": 11, "503": 1}


async def test_a_server_that_does_not_count_is_estimated_never_free(gateway, server):
    server.script("case1", Say(usage=None))
    run = (await gateway.ask(question())).run
    assert run.tokens_in > 10
    assert run.tokens_out > 10
