"""Files for `vllm run-batch`: questions out, answers and named failures back, whatever the order of the lines."""

from __future__ import annotations

import json

import pytest

from workflow_orchestration.domain.errors import InvalidRequest
from workflow_orchestration.llm import bulk, prompts
from workflow_orchestration.llm.contract import ModelUnavailable

FITTING = '{"verdict":"late","evidence":["ev1"]}'


def result(name: str, text: str = FITTING, *, finish: str | None = "stop", status: int = 200) -> str:
    """A line as vLLM writes it."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    usage = {"prompt_tokens": 90, "completion_tokens": 12, "total_tokens": 102}
    body = {"id": "chatcmpl-9", "object": "chat.completion", "choices": [choice], "usage": usage}
    response = {"status_code": status, "request_id": "r", "body": body if status == 200 else None}
    error = None if status == 200 else {"message": "too long"}
    return json.dumps({"id": "vllm-1", "custom_id": name, "response": response, "error": error})


@pytest.fixture
def three(ask):
    return [ask("c1"), ask("c2"), ask("c3")]


def test_each_question_is_one_line_with_the_gateways_body(three, config):
    lines = [json.loads(line) for line in bulk.lines(three, config)]
    assert [line["custom_id"] for line in lines] == ["0:c1:triage", "1:c2:triage", "2:c3:triage"]
    assert {(line["method"], line["url"]) for line in lines} == {("POST", "/v1/chat/completions")}
    assert [line["body"] for line in lines] == [prompts.body(q, config) for q in three]


def test_answers_come_in_the_questions_order(three, config):
    found = bulk.answers([result("2:c3:triage"), result("0:c1:triage"), result("1:c2:triage")], three, config)
    assert [answer.value.verdict for answer in found] == ["late"] * 3
    run = found[0].run
    assert (run.tokens_in, run.tokens_out, run.engine_id, run.tries) == (90, 12, "chatcmpl-9", 1)
    assert run.prompt_sha256 == prompts.prompt_sha256(prompts.messages(three[0]))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (result("0:c1:triage", finish="length"), "cut_short"),
        (result("0:c1:triage", finish="abort"), "cut_short"),
        (result("0:c1:triage", finish=None), "cut_short"),
        (result("0:c1:triage", "no JSON"), "schema"),
        (result("0:c1:triage", status=400), "refused"),
        (None, "refused"),
    ],
)
def test_a_bad_row_is_a_named_failure_and_the_others_are_answers(three, config, line, reason):
    lines = [result("1:c2:triage"), result("2:c3:triage"), *([line] if line else [])]
    first, second, third = bulk.answers(lines, three, config)
    assert isinstance(first, ModelUnavailable)
    assert first.reason == reason
    assert (second.value, third.value) == (second.value, second.value)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["{"], "line 1: the line: Invalid JSON"),
        ([result("0:c1:triage"), '{"response":null}'], "line 2: custom_id: Field required"),
        ([result("0:c1:triage"), result("0:c1:triage")], "line 2: '0:c1:triage' is answered twice"),
        ([result("0:c9:triage")], "line 1: '0:c9:triage' is none of these questions"),
    ],
)
def test_a_file_that_is_not_this_batchs_is_refused_by_line(three, config, lines, said):
    with pytest.raises(InvalidRequest, match=said):
        bulk.answers(lines, three, config)
