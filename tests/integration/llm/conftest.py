"""A scripted model server and a gateway to it; the database of the store's tests where one is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal

import pytest
from pydantic import BaseModel, SecretStr

from tests.integration.llm.server import ModelServer, Socket
from tests.integration.store.conftest import database, pool, scene, shared_database  # noqa: F401 - fixtures
from workflow_orchestration.llm import gateway as gateway_module
from workflow_orchestration.llm.config import ModelConfig
from workflow_orchestration.llm.contract import Question
from workflow_orchestration.llm.gateway import Gateway

KEY = "key-that-nobody-may-see"


class Verdict(BaseModel):
    verdict: str
    because: str


def question(case: str = "case1", **changes) -> Question[Verdict]:
    return Question(**{"agent": "triage", "case_id": case, "desk": "equities", "instructions": "Say why it failed.",
                       "facts": f"The message of {case}.", "answer": Verdict, **changes})  # fmt: skip


def config(server: ModelServer, **changes) -> ModelConfig:
    given = {
        "base_url": server.url,
        "model": "m",
        "revision": "r1",
        "api_key": SecretStr(KEY),
        "timeout": 5,
        "deadline": 10,
        "price_in": Decimal(2),
        "price_out": Decimal(6),
    }
    return ModelConfig(**{**given, **changes})


@pytest.fixture(scope="session")
def socket() -> Iterator[Socket]:
    with Socket().serving() as found:
        yield found


@pytest.fixture
def server(socket) -> ModelServer:
    return socket.fresh()


@pytest.fixture
async def gateway(server, monkeypatch) -> AsyncIterator[Gateway]:
    """Ready to ask; it waits shortly between tries."""
    monkeypatch.setattr(gateway_module, "_backoff", lambda _tries: 0.02)
    async with Gateway(config(server)) as found:
        yield found
