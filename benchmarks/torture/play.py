"""Plays one history against one system, as careful desks and people would: what is not answered is asked again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx

from benchmarks.torture.history import Case, History
from benchmarks.torture.system import Said, Standing, System

#: Seconds after the last kill until what has not ended is called stuck: longer than any system's documented recovery
#: (Aegra: a lease of 30 s, a reaper every 15 s, a stuck run looked for after 120 s).
PATIENCE = 180.0
_LOOK_SECONDS = 0.25
_INVALID = "perhaps"
#: Seconds after which what was answered shows, and how often a refused decision is tried again.
_SETTLE_SECONDS = 2.0
_TRIES = 2


@dataclass
class Told:
    """What a sender was told: by whom, what, and the answer; `taken_back` when the system said later that it failed."""

    person: str
    decision: str
    said: Said
    taken_back: bool = False


@dataclass
class Seen:
    """One case from outside, at the end of a run."""

    case: Case
    submitted: Said = "unanswered"
    decisions: list[Told] = field(default_factory=list)
    standing: Standing = field(default_factory=lambda: Standing("absent"))
    #: How often its effect is at the receiver.
    effects: int = 0


class Player:
    def __init__(self, system: System, history: History) -> None:
        self._system = system
        self._history = history
        self._began = 0.0
        self._until = 0.0

    async def play(self) -> list[Seen]:
        self._began = time.monotonic()
        self._until = self._began + max(self._history.kills) + PATIENCE
        killing = asyncio.create_task(self._kill())
        seen = await asyncio.gather(*(self._one(case) for case in self._history.cases))
        await killing
        sent = self._system.effects()
        for one in seen:
            one.effects = sent.count(str(one.case.n))
        return list(seen)

    async def _kill(self) -> None:
        for at in self._history.kills:
            await asyncio.sleep(max(0, self._began + at - time.monotonic()))
            await self._system.kill()

    async def _one(self, case: Case) -> Seen:
        seen = Seen(case)
        await asyncio.sleep(case.at)
        seen.submitted = await self._insist(lambda: self._system.submit(case.n))
        asked = await self._wait(case, "waiting", "ended")
        if asked.what == "waiting":
            await asyncio.sleep(case.thinks)
            await self._decide(case, asked.question, seen)
            seen.standing = await self._wait(case, "ended")
        else:
            seen.standing = asked
        for told in seen.decisions:
            told.taken_back = await self._system.told_later(case.n, told.decision, told.person)
        return seen

    async def _decide(self, case: Case, question: str, seen: Seen) -> None:
        match case.kind:
            case "approve":
                plans = [[("ann", "approve")]]
            case "race":
                plans = [[("ann", "approve"), ("ben", "reject")]]
            case "twice":
                plans = [[("ann", "approve"), ("ann", "approve")]]
            case "invalid":
                plans = [[("ann", _INVALID)], [("ann", "approve")]]
        for n, at_once in enumerate(plans):
            if n:  # a careful person looks whether it asks again
                await asyncio.sleep(_SETTLE_SECONDS)
                question = (await self._wait(case, "waiting", "ended")).question or question
            answers = await asyncio.gather(*(self._answer(case, question, d, p) for p, d in at_once))
            seen.decisions += [Told(p, d, said) for (p, d), said in zip(at_once, answers, strict=True)]

    async def _answer(self, case: Case, question: str, decision: str, person: str) -> Said:
        """Again while nobody answers and the question still stands; a decision that is refused, twice more: perhaps the
        system was busy with another one."""
        said: Said = "unanswered"
        refused = 0
        while said == "unanswered" and time.monotonic() < self._until:
            said = await self._system.decide(case.n, question, decision, person)
            if (
                said == "refused"
                and decision != _INVALID
                and refused < _TRIES
                and await self._still_asks(case, question)
            ):
                refused, said = refused + 1, "unanswered"
            if said == "unanswered":
                await asyncio.sleep(_LOOK_SECONDS * 4)
                standing = await self._look(case)
                if standing is not None and not (standing.what == "waiting" and standing.question == question):
                    return said
        return said

    async def _still_asks(self, case: Case, question: str) -> bool:
        await asyncio.sleep(_SETTLE_SECONDS)
        standing = await self._look(case)
        return standing is not None and standing.what == "waiting" and standing.question == question

    async def _insist(self, ask: Callable[[], Awaitable[Said]]) -> Said:
        said: Said = "unanswered"
        while said == "unanswered" and time.monotonic() < self._until:
            said = await ask()
            if said == "unanswered":
                await asyncio.sleep(_LOOK_SECONDS)
        return said

    async def _wait(self, case: Case, *wanted: str) -> Standing:
        """Until it stands so; or as it stands when patience ends."""
        standing = Standing("absent")
        while time.monotonic() < self._until:
            standing = await self._look(case) or standing
            if standing.what in wanted:
                return standing
            await asyncio.sleep(_LOOK_SECONDS)
        return standing

    async def _look(self, case: Case) -> Standing | None:
        try:
            return await self._system.standing(case.n)
        except (httpx.HTTPError, ValueError):  # it is down, or half up
            return None
