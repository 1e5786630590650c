"""What the rest of the platform knows of a model: a question goes in, an answer comes out, or ModelUnavailable does.

Whoever asks turns ModelUnavailable into degraded mode: code's findings stand, people decide. There is no other way
for a model to fail; anything else that `ask` raises is a bug, a lost lease or the end of the task.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from workflow_orchestration.domain.errors import ModelUnavailable
from workflow_orchestration.domain.model_run import Kind, ModelRun, Reason

__all__ = ["Answer", "Asker", "Kind", "ModelRun", "ModelUnavailable", "OnToken", "Question", "Reason"]

T = TypeVar("T", bound=BaseModel)

#: Gets each piece of text as it arrives, and the number of its try: a higher number makes earlier text void.
#: It must not raise, and is not called at all for an answer that was recorded before.
OnToken = Callable[[str, int], Awaitable[None]]


@dataclass(frozen=True)
class Question(Generic[T]):
    """One question. Its prompt is a pure function of the case: no clock, no random id, sets in sorted order."""

    #: Who asks: the agent's role, such as "triage".
    agent: str
    case_id: str
    desk: str
    #: The part that is the same for every case, byte by byte: it is sent first, and the engine's prefix cache holds it.
    instructions: str
    #: The part that belongs to this case. Untrusted text is quoted in here, and nowhere else.
    facts: str
    #: What an answer is: a small flat model; its JSON schema is enforced by the engine and checked again here.
    answer: type[T]
    kind: Kind = "decision"


@dataclass(frozen=True)
class Answer(Generic[T]):
    """A whole answer that fits its schema, and the run that made it."""

    value: T
    run: ModelRun
    #: Taken from the record of an earlier try of this node: nobody was asked.
    replayed: bool = False


class Asker(Protocol):
    """Anything that answers questions: the gateway, its recorded form, a test's script."""

    async def ask(self, question: Question[T], *, on_token: OnToken | None = None) -> Answer[T]: ...
