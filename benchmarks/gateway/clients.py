"""The same question by three ways: as little of langchain-openai as answers it, as most would write it, and ours."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Literal

from pydantic import BaseModel, Field

from workflow_orchestration.llm import prompts
from workflow_orchestration.llm.config import ModelConfig
from workflow_orchestration.llm.contract import Question
from workflow_orchestration.llm.engine import chat_model, http_client
from workflow_orchestration.llm.gateway import Gateway

Ask = Callable[[int], Awaitable[None]]
Opened = contextlib.AbstractAsyncContextManager[Ask]


class Triage(BaseModel):
    root_cause: Literal["ECON_AMOUNT", "ECON_DATE", "SSI", "LATE"]
    fault_side: Literal["ours", "counterparty", "custodian"]
    evidence: list[str] = Field(min_length=1, max_length=5)
    reason: str = Field(max_length=300)


#: About as long as an agent's: some 3,000 bytes that all cases share, 600 of the case.
_INSTRUCTIONS = "You read settlement exceptions and say what is wrong. " * 55
_FACTS = "ev2: trade EUR 123,456.50; ev3: allegement EUR 123,465.50; status NMAT, reason DMON. " * 7


def question(n: int) -> Question[Triage]:
    return Question("triage", f"case-{n}", "equities", _INSTRUCTIONS, f"Case {n}. {_FACTS}", Triage)


@contextlib.asynccontextmanager
async def bare(config: ModelConfig) -> AsyncIterator[Ask]:
    """One `ainvoke` and one validation: the least that gives the same answer, and the bar's denominator."""
    async with http_client(config) as client:
        chat = chat_model(config, client)

        async def ask(n: int) -> None:
            asked = question(n)
            answer = await chat.ainvoke(list(prompts.messages(asked)), extra_body=prompts.options(asked, config))
            assert Triage.model_validate_json(answer.text).evidence

        yield ask


@contextlib.asynccontextmanager
async def structured(config: ModelConfig) -> AsyncIterator[Ask]:
    """`with_structured_output`, as the library's documentation shows it."""
    async with http_client(config) as client:
        chain = chat_model(config, client).with_structured_output(Triage, method="json_schema", strict=True)

        async def ask(n: int) -> None:
            answer: Any = await chain.ainvoke(list(prompts.messages(question(n))))
            assert answer.evidence

        yield ask


@contextlib.asynccontextmanager
async def ours(config: ModelConfig) -> AsyncIterator[Ask]:
    """Through the gateway: slots, breaker, deadline, retries, ends, schema, hashes, metrics."""
    async with Gateway(config) as gateway:

        async def ask(n: int) -> None:
            assert (await gateway.ask(question(n))).value.evidence

        yield ask


CLIENTS: dict[str, Callable[[ModelConfig], Opened]] = {"bare": bare, "structured": structured, "ours": ours}
