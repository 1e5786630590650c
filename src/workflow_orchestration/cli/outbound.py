"""From bytes of a file to posted messages. The API judges them: nothing is repaired or refused here."""

from __future__ import annotations

from typing import Any

from workflow_orchestration.cli.client import Api
from workflow_orchestration.domain.messages.blocks import split_rje


def split(raw: bytes) -> list[bytes]:
    """The messages of an RJE file, byte for byte. What is no text or empty passes too: the API names its fault."""
    texts = split_rje(raw.decode(errors="surrogateescape"))
    return [text.encode(errors="surrogateescape") for text in texts] or [raw]


def post(api: Api, message: bytes, *, key: str | None = None) -> dict[str, Any]:
    """Post one message; may be repeated, because the same bytes are one message."""
    headers = {"Content-Type": "text/plain; charset=utf-8"} | ({"Idempotency-Key": key} if key else {})
    answer = api.call("POST", "/v1/messages", content=message, headers=headers, repeatable=True).json()
    assert isinstance(answer, dict)
    return answer
