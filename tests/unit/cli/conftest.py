"""`wo` with the wire replaced: a handler answers, and every request is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from workflow_orchestration import settings
from workflow_orchestration.cli.main import run
from workflow_orchestration.cli.session import Session

Handler = Callable[[httpx.Request], httpx.Response]


@dataclass(frozen=True)
class Result:
    """How a command line ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Wo:
    """Runs command lines against `handler`."""

    capsys: pytest.CaptureFixture[str]
    handler: Handler = lambda _request: httpx.Response(200, json={})
    requests: list[httpx.Request] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def __call__(self, *argv: str, token: str | None = "t0k3n") -> Result:
        session = Session(transport=httpx.MockTransport(self._answer), sleep=self.slept.append)
        given = ["--token", token] if token else []
        code = run([*given, *argv], session)
        return Result(code, *self.capsys.readouterr())

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.handler(request)

    def answers(self, *responses: httpx.Response | Exception) -> None:
        """Answer requests with these in turn; the last one for ever."""
        left = list(responses)

        def handler(_request: httpx.Request) -> httpx.Response:
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, Exception):
                raise answer
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

        self.handler = handler


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No .env, no variable of ours, and a place nobody else writes to."""
    for name in settings.given():
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    settings.get.cache_clear()
    yield
    settings.get.cache_clear()


@pytest.fixture
def wo(capsys: pytest.CaptureFixture[str]) -> Wo:
    return Wo(capsys)


def problem(status: int, kind: str, **more: Any) -> httpx.Response:
    body = {"type": kind, "title": kind, "status": status, "detail": "the cause", "fix": "the fix", **more}
    return httpx.Response(status, json=body, headers={"Content-Type": "application/problem+json"})


def ok(body: Any) -> httpx.Response:
    return httpx.Response(200, json=body)
