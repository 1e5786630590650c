"""What the player asks of a system, whoever it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

#: accepted: it said yes. refused: it said no, and the sender knows. unanswered: nobody knows yet.
Said = Literal["accepted", "refused", "unanswered"]


@dataclass(frozen=True)
class Standing:
    """A case as its system shows it: nothing of it, at work, waiting for a decision (on a question), or ended."""

    what: Literal["absent", "working", "waiting", "ended"]
    question: str = ""
    outcome: str = ""


class System(Protocol):
    name: str

    async def submit(self, n: int) -> Said:
        """Hand in case n; may be asked again when it was not answered."""

    async def decide(self, n: int, question: str, decision: str, person: str) -> Said: ...

    async def told_later(self, n: int, decision: str, person: str) -> bool:
        """Whether an accepted decision was taken back where its sender can see it."""

    async def standing(self, n: int) -> Standing: ...

    async def kill(self) -> None:
        """SIGKILL to all that runs workflows or answers requests, and start it again."""

    def effects(self) -> list[str]:
        """What the receiver has: a case's key for each time its effect happened."""
