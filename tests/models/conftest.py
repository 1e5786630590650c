"""Real model servers, with the chart's flags, on the same tiny weights; the gateway as the worker uses it.

The words of these models mean nothing, which is the point: whatever a server does, what reaches a case is a whole
answer that fits its schema, or ModelUnavailable.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import httpx
import pytest
from pydantic import BaseModel, Field, SecretStr

from ci.models import ollama as ollama_server
from ci.models import places
from ci.models import vllm as vllm_server
from ci.models.server import Server
from workflow_orchestration.llm.config import ModelConfig
from workflow_orchestration.llm.contract import Question
from workflow_orchestration.llm.gateway import Gateway


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.models)


class Finding(BaseModel):
    """What an agent might be asked for."""

    cause: Literal["AMOUNT", "ACCOUNT", "LATE"]
    because: str
    evidence: list[str]
    confident: bool


class Long(BaseModel):
    """An answer that takes seconds to write, so that something can happen meanwhile."""

    lines: Annotated[list[Literal["the", "and", "in"]], Field(min_length=400, max_length=400)]


def question(case: str = "case1", **changes) -> Question:
    return Question(**{"agent": "triage", "case_id": case, "desk": "equities", "instructions": "Say why it failed.",
                       "facts": f"The message of {case}.", "answer": Finding, **changes})  # fmt: skip


def config(server: Server, **changes) -> ModelConfig:
    given = {"base_url": server.base_url, "model": server.model, "timeout": 30, "deadline": 60,
             "api_key": SecretStr(server.key) if server.key else None, **changes}  # fmt: skip
    return ModelConfig(**given)


def chat(text: str = "why?", **changes) -> dict:
    """A request as a client of the protocol sends it."""
    asked = {"model": "tiny", "messages": [{"role": "user", "content": text}], "max_tokens": 20, "temperature": 0}
    return {**asked, **changes}


def schema(answer: type[BaseModel] = Finding) -> dict:
    body = {"name": "answer", "strict": True, "schema": {**answer.model_json_schema(), "additionalProperties": False}}
    return {"response_format": {"type": "json_schema", "json_schema": body}}


@pytest.fixture(scope="session", autouse=True)
def _an_end_that_stops_the_servers() -> None:
    """A time limit ends pytest with SIGTERM, which would leave the servers behind: let it be as Ctrl-C is."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def _vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = vllm_server.server(tmp_path_factory.mktemp("vllm"))
    yield server
    server.stop()


@pytest.fixture
def vllm(_vllm: Server) -> Server:
    """vLLM with the chart's flags; started anew where a test before has stopped it."""
    if not _vllm.runs:
        _vllm.start()
    return _vllm


@pytest.fixture(scope="session")
def _ollama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = ollama_server.server(tmp_path_factory.mktemp("ollama"))
    yield server
    server.stop()


@pytest.fixture
def ollama(_ollama: Server) -> Server:
    """Ollama with the chart's settings."""
    if not _ollama.runs:
        _ollama.start()
    return _ollama


@pytest.fixture
async def gateway() -> AsyncIterator[Callable[..., Gateway]]:
    """Gateways that end with the test."""
    made: list[Gateway] = []

    def make(server: Server, **changes) -> Gateway:
        made.append(Gateway(config(server, **changes)))
        return made[-1]

    yield make
    for one in made:
        await one.__aexit__()


@pytest.fixture
def client(vllm: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=vllm.url, headers=vllm.headers, timeout=60) as found:
        yield found


@pytest.fixture(scope="session")
def root() -> Path:
    return places.ROOT
