"""A scripted OpenAI-compatible server on a real socket: it says what a test told it to, case by case."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

FITTING = '{"verdict":"late","because":"the custodian was closed"}'


@dataclass(frozen=True)
class Say:
    """One answer of the server."""

    text: str = FITTING
    #: None: no finish_reason at all.
    finish: str | None = "stop"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    #: Seconds before anything is sent.
    after: float = 0.0
    #: Nothing is sent until the test says so.
    until: threading.Event | None = None
    #: Close the connection in the middle of the body.
    cut: bool = False
    #: A body in place of a completion.
    raw: str | None = None
    #: Tokens in and out; None: the server does not count.
    usage: tuple[int, int] | None = (11, 7)


@dataclass
class ModelServer:
    """`script(case, ...)` says what a case gets, in order; the last is repeated, and others get a fitting answer."""

    url: str = ""
    #: Headers and body of each request, in order.
    requests: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    #: Ports that the requests came from: one a connection.
    ports: list[int] = field(default_factory=list)
    running: int = 0
    most_at_once: int = 0
    _scripts: dict[str, list[Say]] = field(default_factory=dict)
    _told: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def script(self, case: str, *says: Say) -> None:
        self._scripts[case] = list(says)

    def asked(self, case: str) -> list[dict[str, Any]]:
        """Bodies of the requests about a case."""
        return [body for headers, body in self.requests if headers["x-request-id"].startswith(f"{case}-")]

    async def answer(self, request: Request) -> Response:
        body = await request.json()
        self.requests.append((dict(request.headers), body))
        self.ports.append(request.client.port if request.client else 0)
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            say = self._next(request.headers["x-request-id"])
            await asyncio.sleep(say.after)
            while say.until is not None and not say.until.is_set():
                await asyncio.sleep(0.01)
        finally:
            self.running -= 1
        if say.raw is not None:
            return Response(say.raw, say.status, media_type=say.headers.get("content-type", "text/html"))
        if say.status != 200:
            error = {"error": {"message": say.text, "type": "x"}}
            return JSONResponse(error, say.status, headers=say.headers)
        if body.get("stream"):
            return StreamingResponse(_stream(say), media_type="text/event-stream")
        whole = json.dumps(_whole(say)).encode()
        return StreamingResponse(_cut(whole), media_type="application/json") if say.cut else Response(whole)

    def _next(self, request_id: str) -> Say:
        for case, says in self._scripts.items():
            if request_id.startswith(f"{case}-"):
                self._told[case] += 1
                return says[min(self._told[case], len(says)) - 1]
        return Say()


def _whole(say: Say) -> dict[str, Any]:
    message = {"role": "assistant", "content": say.text}
    choice = {"index": 0, "message": message, "finish_reason": say.finish}
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice],
            **_usage(say)}  # fmt: skip


def _usage(say: Say) -> dict[str, Any]:
    if say.usage is None:
        return {}
    tokens_in, tokens_out = say.usage
    total = tokens_in + tokens_out
    return {"usage": {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": total}}


async def _cut(whole: bytes) -> AsyncIterator[bytes]:
    yield whole[: len(whole) // 2]
    raise ConnectionAbortedError("as the test wants it")


async def _stream(say: Say) -> AsyncIterator[bytes]:
    half = len(say.text) // 2
    yield _chunk({"content": say.text[:half]})
    if say.cut:
        raise ConnectionAbortedError("as the test wants it")
    yield _chunk({"content": say.text[half:]})
    if say.finish is not None:
        yield _chunk({}, finish=say.finish)
    if say.usage is not None:
        yield _event({"choices": [], **_usage(say)})
    yield b"data: [DONE]\n\n"


def _chunk(delta: dict[str, str], *, finish: str | None = None) -> bytes:
    return _event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _event(part: dict[str, Any]) -> bytes:
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: " + json.dumps({**base, **part}).encode() + b"\n\n"


class Socket:
    """One server for many tests, in a thread of its own: each test puts its script in, and the last one's is gone."""

    def __init__(self) -> None:
        self.current = ModelServer()
        app = Starlette(routes=[Route("/v1/chat/completions", self._answer, methods=["POST"])])
        self._server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))

    async def _answer(self, request: Request) -> Response:
        return await self.current.answer(request)

    @contextlib.contextmanager
    def serving(self) -> Iterator[Socket]:
        thread = threading.Thread(target=self._server.run, daemon=True)
        thread.start()
        while not self._server.started:
            time.sleep(0.01)
        try:
            yield self
        finally:
            self._server.should_exit = self._server.force_exit = True
            thread.join()

    def fresh(self) -> ModelServer:
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.current = ModelServer(f"http://127.0.0.1:{port}/v1")
        return self.current
