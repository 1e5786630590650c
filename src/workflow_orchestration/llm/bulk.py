"""Many questions without a server: a file for `vllm run-batch`, and its results read back.

The lines are OpenAI's batch form. Nothing is retried and nothing asked again: what has no whole answer that fits is a
named failure, and may be asked through the gateway. Results may come in any order; each names its question.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workflow_orchestration.domain.errors import InvalidRequest, ModelUnavailable
from workflow_orchestration.llm import prompts
from workflow_orchestration.llm.config import ModelConfig
from workflow_orchestration.llm.contract import Answer, Question, T
from workflow_orchestration.llm.course import Course, answer_of
from workflow_orchestration.llm.engine import Reply, TryError, check_end, printable

_URL = "/v1/chat/completions"


class _Lenient(BaseModel):
    """A server may say more than is read here."""

    model_config = ConfigDict(extra="ignore")


class _Message(_Lenient):
    content: str | None = None


class _Choice(_Lenient):
    message: _Message
    finish_reason: str | None = None


class _Usage(_Lenient):
    prompt_tokens: int
    completion_tokens: int


class _Completion(_Lenient):
    id: str = ""
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


class _Response(_Lenient):
    status_code: int
    body: _Completion | None = None


class _Result(_Lenient):
    custom_id: str
    response: _Response | None = None
    error: Any = None


def write_questions(path: Path, questions: Sequence[Question[Any]], config: ModelConfig) -> None:
    """One request a line, as the gateway would send it."""
    path.write_text("".join(f"{line}\n" for line in lines(questions, config)), encoding="utf-8")


def read_answers(
    path: Path, questions: Sequence[Question[T]], config: ModelConfig
) -> list[Answer[T] | ModelUnavailable]:
    """Answers and named failures in the questions' order."""
    with path.open(encoding="utf-8") as file:
        return answers(file, questions, config)


def lines(questions: Sequence[Question[Any]], config: ModelConfig) -> list[str]:
    return [
        json.dumps(
            {"custom_id": name, "method": "POST", "url": _URL, "body": prompts.body(question, config)},
            ensure_ascii=False,
            separators=(",", ":"),
        )
        for name, question in _named(questions)
    ]


def answers(
    found: Iterable[str], questions: Sequence[Question[T]], config: ModelConfig
) -> list[Answer[T] | ModelUnavailable]:
    """As `read_answers`; InvalidRequest names a line that is no result, is there twice or answers nothing asked."""
    named = dict(_named(questions))
    results: dict[str, _Result] = {}
    for n, line in enumerate(found, start=1):
        result = _parsed(line, n)
        if result.custom_id not in named or result.custom_id in results:
            what = "answered twice" if result.custom_id in results else "none of these questions"
            raise InvalidRequest(f"line {n}: {result.custom_id!r} is {what}", fix="Use the results of this very file.")
        results[result.custom_id] = result
    return [_judged(question, results.get(name), config) for name, question in named.items()]


def _named(questions: Sequence[Question[Any]]) -> list[tuple[str, Question[Any]]]:
    return [(f"{n}:{question.case_id}:{question.agent}", question) for n, question in enumerate(questions)]


def _parsed(line: str, n: int) -> _Result:
    try:
        return _Result.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the line"
        raise InvalidRequest(
            f"line {n}: {where}: {first['msg']}", fix="Hand in the output file of `vllm run-batch`."
        ) from None


def _judged(question: Question[T], result: _Result | None, config: ModelConfig) -> Answer[T] | ModelUnavailable:
    if result is None:
        return ModelUnavailable("the file has no result for this question", reason="refused")
    if result.response is None or result.response.body is None or result.response.status_code != 200:
        status = result.response.status_code if result.response else "no status"
        return ModelUnavailable(f"the batch ended it with {status}", reason="refused")
    course = Course(question, config)
    try:
        return _answer(course, question, _reply(result.response.body, course))
    except ModelUnavailable as failure:
        return failure


def _answer(course: Course, question: Question[T], reply: Reply) -> Answer[T]:
    course.tries = 1
    course.add(reply)
    try:
        check_end(reply)
    except TryError as failed:
        raise ModelUnavailable(failed.detail, reason="cut_short") from None
    return answer_of(course.run(None, ""), question)


def _reply(completion: _Completion, course: Course) -> Reply:
    choice, usage = completion.choices[0], completion.usage
    text = printable(choice.message.content or "")
    return Reply(
        text=text,
        finish_reason=choice.finish_reason or "",
        tokens_in=usage.prompt_tokens if usage else prompts.estimated_tokens(course.prompt),
        tokens_out=usage.completion_tokens if usage else prompts.estimated_tokens([("assistant", text)]),
        engine_id=completion.id,
    )
