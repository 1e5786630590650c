"""From a question to the bytes that are sent. What is the same for every case stands first, byte by byte.

The engine keeps what it computed for the beginning of a prompt and reuses it for the next one that begins with the
same bytes; one byte that differs early makes all behind it be computed again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from workflow_orchestration.domain.canonical import sha256
from workflow_orchestration.llm.config import ModelConfig
from workflow_orchestration.llm.contract import Question, T

#: A role and its text. After the first, roles alternate: some chat templates refuse anything else.
Message = tuple[str, str]
Messages = tuple[Message, ...]
#: Of a wrong answer, shown to the model when it is asked again: the beginning is enough, and bounds the prompt.
_QUOTED = 2000


@dataclass(frozen=True)
class Schema:
    """What an answer must look like: for the engine's grammar, and as text for the model."""

    body: dict[str, Any]
    text: str
    sha256: str


def schema(question: Question[Any]) -> Schema:
    return _schema(cast("type[BaseModel]", question.answer))


@lru_cache
def _schema(answer: type[BaseModel]) -> Schema:
    """The strict schema of an answer: every field required, nothing besides, no references."""
    from langchain_core.utils.function_calling import convert_to_openai_function

    function = convert_to_openai_function(answer, strict=True)
    text = json.dumps(function["parameters"], separators=(",", ":"), ensure_ascii=False)
    return Schema({"name": answer.__name__, "schema": function["parameters"], "strict": True}, text, sha256(text))


def messages(question: Question[Any]) -> Messages:
    """Instructions and schema, which are the same for all cases; then what is known of this one."""
    stable = f"{question.instructions}\n\nAnswer with one JSON object of this schema:\n{schema(question).text}"
    return (("system", stable), ("user", question.facts))


def again(before: Messages, text: str, misfit: str) -> Messages:
    """The same once more, with what was wrong: at temperature 0 the same prompt would give the same answer."""
    complaint = f"That does not fit the schema: {misfit}. Answer again with one JSON object that does."
    return (*before, ("assistant", text[:_QUOTED]), ("user", complaint))


def prompt_sha256(prompt: Messages) -> str:
    return sha256(json.dumps(prompt, separators=(",", ":"), ensure_ascii=False).encode())


def options(question: Question[Any], config: ModelConfig) -> dict[str, Any]:
    """All of the request but model and messages, as every server takes it.

    The bound is sent under both its names: Ollama reads only `max_tokens`, and newer servers deprecate it.
    """
    return {
        "temperature": float(config.temperature(question.kind)),
        "max_completion_tokens": config.max_output_tokens,
        "max_tokens": config.max_output_tokens,
        "response_format": {"type": "json_schema", "json_schema": schema(question).body},
    }


def body(question: Question[Any], config: ModelConfig) -> dict[str, Any]:
    """The whole request, as it stands in a file of questions; the gateway sends the same."""
    said = [{"content": text, "role": role} for role, text in messages(question)]
    return {"model": config.model, "messages": said, **options(question, config)}


def parameters(question: Question[Any], config: ModelConfig) -> dict[str, Any]:
    """What is recorded beside the prompt's hash."""
    return {
        "temperature": config.temperature(question.kind),
        "max_tokens": config.max_output_tokens,
        "schema_sha256": schema(question).sha256,
    }


def estimated_tokens(prompt: Sequence[Message]) -> int:
    """Of a prompt, where nobody has counted yet: a token is some four bytes of English, less of other languages."""
    return sum(len(text.encode()) for _, text in prompt) // 3 + 1


def read(answer: type[T], text: str) -> T:
    """An answer as its model; nothing is converted and nothing more is allowed."""
    return answer.model_validate_json(text, strict=True, extra="forbid")


def misfit(answer: type[BaseModel], text: str) -> str | None:
    """What is wrong with an answer, by field and cause, without quoting it; None when it fits."""
    try:
        read(answer, text)
    except ValidationError as error:
        found = [f"{'.'.join(map(str, e['loc'])) or 'the answer'}: {e['msg']}" for e in error.errors()]
        return "; ".join(found[:5])
    if "\\u0000" in text:  # a NUL: neither PostgreSQL nor a checkpoint could keep it
        return "the answer: holds the character U+0000"
    return None
