"""The pauses of a graph. Each is a node of its own: nothing with an effect comes before its `interrupt()`.

An interrupt's value says what is waited for; the finish of the run turns it into a row of `waits` (and opens the
approval). Answers come back by interrupt id only, never as a scalar.
"""

from __future__ import annotations

from typing import Any

from langgraph.types import interrupt

from workflow_orchestration.domain.errors import HashMismatch
from workflow_orchestration.store.threads import WaitKind


def pause(kind: WaitKind, *, ref: str, seen_seq: int, **payload: Any) -> dict[str, Any]:
    """Wait; returns the answer, a dict with `type`."""
    answer = interrupt({"kind": kind, "ref": ref, "seen_seq": seen_seq, "payload": payload})
    if not isinstance(answer, dict) or "type" not in answer:
        raise TypeError(f"an answer is a dict with a type, not {answer!r}")
    return answer


def approval(*, proposal_id: str, payload_hash: str, tier: str, seen_seq: int) -> dict[str, Any]:
    """Wait until people have decided on exactly this payload."""
    answer = pause("approval", ref=proposal_id, seen_seq=seen_seq, tier=tier, payload_hash=payload_hash)
    if answer["type"] == "approve" and answer.get("payload_hash") != payload_hash:
        raise HashMismatch("what was approved is not what would be executed")
    return answer
