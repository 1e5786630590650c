"""Run by Airflow's own pytest (see ../test_inside.py), with our provider installed and no Airflow running."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from workflow_orchestration_provider import hook

CONNECTION = {"conn_type": "workflow-orchestration", "host": "http://platform:8000", "password": "t0ken"}


@pytest.fixture
def connection(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`connection(**changes)` sets the default connection, as an environment variable would."""

    def put(**changes: Any) -> None:
        value = json.dumps({**CONNECTION, **changes})
        monkeypatch.setenv("AIRFLOW_CONN_WORKFLOW_ORCHESTRATION_DEFAULT", value)

    put()
    return put


class Api:
    """Answers of the platform, in order, and what was asked. The contract itself is tested on the real one."""

    def __init__(self) -> None:
        self.answers: list[httpx.Response | Exception] = []
        self.asked: list[httpx.Request] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def api(connection: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Api:
    found = Api()
    options = hook.Access.options
    monkeypatch.setattr(
        hook.Access, "options", lambda self: {**options(self), "transport": httpx.MockTransport(found.handle)}
    )
    return found
