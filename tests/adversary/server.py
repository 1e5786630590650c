"""The adversary over HTTP: OpenAI's chat completions, streamed and not, as vLLM and Ollama speak them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.adversary.behaviours import BEHAVIOURS, Asked, Reply

MODEL = "adversary"
_PIECE = 24
#: Characters by which messages begin alike.
_SAME_TALK = 300


@dataclass
class Adversary:
    """A behaviour, or a mixture: name -> weight. `stall` is how long it says nothing when it stalls, in seconds."""

    behaviours: Mapping[str, float]
    seed: int = 0
    #: Behaviour of the answers to one schema alone, by the name that the request gives it.
    by_schema: Mapping[str, str] = field(default_factory=dict)
    stall: float = 30.0
    #: Behaviours that, drawn once, are kept up for all messages that begin alike - one case's talk, mostly - with how
    #: many in a hundred.
    moods: Mapping[str, float] = field(default_factory=dict)
    #: How often each was played.
    played: Counter[str] = field(default_factory=Counter)
    _asked: Counter[str] = field(default_factory=Counter)

    def reply(self, body: dict[str, Any]) -> Reply:
        """The answer to a request, by the seed, its content, and how often that came before."""
        prompt = _text_of(body["messages"][-1]["content"])
        schema = _schema(body)
        key = hashlib.sha256(json.dumps([body["messages"], schema], sort_keys=True).encode()).hexdigest()
        self._asked[key] += 1
        rng = random.Random(f"{self.seed}/{key}/{self._asked[key]}")
        name = self.by_schema.get(_schema_name(body)) or self._mood(prompt)
        name = name or rng.choices(list(self.behaviours), list(self.behaviours.values()))[0]
        self.played[name] += 1
        return BEHAVIOURS[name](Asked(prompt, schema, rng))

    def _mood(self, prompt: str) -> str | None:
        rng = random.Random(f"{self.seed}/{prompt[:_SAME_TALK]}")
        drawn = rng.uniform(0, 100)
        for name, share in self.moods.items():
            drawn -= share
            if drawn < 0:
                return name
        return None

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
                Route("/v1/models", self._models),
                Route("/health", self._health),
                Route("/played", self._tally),
            ]
        )

    async def _models(self, _request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "tests"}]})

    async def _health(self, _request: Request) -> Response:
        return Response("")

    async def _tally(self, _request: Request) -> Response:
        return JSONResponse(dict(sorted(self.played.items())))

    async def _complete(self, request: Request) -> Response:
        body = await request.json()
        reply = self.reply(body)
        if reply.status != 200:
            error = {"message": "the engine cannot take this now", "type": "server_error", "code": reply.status}
            return JSONResponse({"error": error}, reply.status, headers=reply.headers)
        if body.get("stream"):
            usage = bool((body.get("stream_options") or {}).get("include_usage"))
            return StreamingResponse(self._stream(reply, usage=usage), media_type="text/event-stream")
        if reply.stall:
            await asyncio.sleep(self.stall)
        if reply.cut_after is not None:
            return StreamingResponse(_cut(), media_type="application/json", headers={"Content-Length": "1000"})
        return JSONResponse(_completion(reply))

    async def _stream(self, reply: Reply, *, usage: bool) -> AsyncIterator[str]:
        for at in range(0, max(1, len(reply.text)), _PIECE):
            yield _chunk({"role": "assistant", "content": reply.text[at : at + _PIECE]}, None)
            if reply.cut_after is not None and at >= reply.cut_after:
                raise ConnectionAbortedError("cut as asked")
            if reply.stall and at == 0:
                await asyncio.sleep(self.stall)
        yield _chunk({}, reply.finish)
        if usage:
            yield _line({**_HEAD, "object": "chat.completion.chunk", "choices": [], "usage": _usage(reply)})
        yield "data: [DONE]\n\n"

    @asynccontextmanager
    async def serving(self, port: int = 0, *, host: str = "127.0.0.1") -> AsyncIterator[str]:
        """Serve in this process; gives the base URL to put into LLM_BASE_URL."""
        config = uvicorn.Config(self.app(), host=host, port=port, log_level="critical", lifespan="off")
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            bound = server.servers[0].sockets[0].getsockname()[1]
            yield f"http://{host}:{bound}/v1"
        finally:
            server.should_exit = server.force_exit = True
            await task


_HEAD = {"id": "chatcmpl-adversary", "created": 0, "model": MODEL}


async def _cut() -> AsyncIterator[bytes]:
    yield b'{"id": "chatcmpl-'
    raise ConnectionAbortedError("cut as asked")


def _text_of(content: Any) -> str:
    """A message's text; newer clients send a list of parts."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or [])


def _schema(body: dict[str, Any]) -> dict[str, Any]:
    """The schema an answer must fit: of response_format, or of a tool that must be called; else a plain text."""
    asked = (body.get("response_format") or {}).get("json_schema") or {}
    return asked.get("schema") or {"type": "object", "properties": {"text": {"type": "string"}}}


def _schema_name(body: dict[str, Any]) -> str:
    return str(((body.get("response_format") or {}).get("json_schema") or {}).get("name", ""))


def _usage(reply: Reply) -> dict[str, int]:
    told = len(reply.text) // 4 + 1
    return {"prompt_tokens": 100, "completion_tokens": told, "total_tokens": 100 + told}


def _completion(reply: Reply) -> dict[str, Any]:
    message = {"role": "assistant", "content": reply.text, "refusal": None}
    return {
        **_HEAD,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": reply.finish, "logprobs": None}],
        "usage": _usage(reply),
    }


def _chunk(delta: dict[str, str], finish: str | None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return _line({**_HEAD, "object": "chat.completion.chunk", "choices": [choice]})


def _line(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"
