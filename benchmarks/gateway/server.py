"""A model server that thinks for a fixed time and says one thing: what is measured is the client.

A process of its own (`python -m benchmarks.gateway.server PORT SECONDS`), so that it takes nothing of the client's
event loop.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

ANSWER = (
    '{"root_cause":"ECON_AMOUNT","fault_side":"counterparty","evidence":["ev2","ev3"],"reason":"digits transposed"}'
)
_BODY = json.dumps(
    {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1,
        "model": "bench",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 900, "completion_tokens": 40, "total_tokens": 940},
    }
).encode()
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(_BODY)).encode())]


def application(seconds: float) -> Callable[..., Awaitable[None]]:
    async def answer(_scope: Any, receive: Callable[..., Awaitable[Any]], send: Callable[..., Awaitable[None]]) -> None:
        while (await receive()).get("more_body"):
            pass
        await asyncio.sleep(seconds)
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": _BODY})

    return answer


if __name__ == "__main__":
    uvicorn.run(application(float(sys.argv[2])), port=int(sys.argv[1]), log_level="warning", lifespan="off")
