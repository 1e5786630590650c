"""One run: a calm beginning, then cases and faults together until both have had enough, then the judgement."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.failure.harness import outside, stories
from tests.failure.harness.checker import check_server
from tests.failure.harness.driver import Api, Board, Play, Player, Stuck
from tests.failure.harness.faults import Counts, Fire, Plan
from tests.failure.harness.readers import Readers
from tests.failure.harness.site import KEY, Site, site

Say = Callable[[str], None]
#: Rows of the book are loaded for so many cases at a time, while the fire burns.
_BOOK_STEP = 40
_TELL_SECONDS = 10.0


@dataclass(frozen=True)
class Order:
    """What a run has to do."""

    #: What strikes it, and what must have been hit before it may end.
    plan: Plan
    #: At least so many cases; more are played while a fault or a window still lacks hits.
    cases: int
    #: Then no new case begins, and what lacks is a finding.
    limit_seconds: float
    at_once: int = 40
    apis: int = 2
    workers: int = 3


@dataclass
class Result:
    """What came of it."""

    order: Order
    plays: list[Play]
    counts: Counts
    findings: list[str] = field(default_factory=list)
    seconds: float = 0.0
    #: Ended by Ctrl-C: what is there is judged, and the rest can be played later.
    stopped: bool = False
    server_errors: dict[int, int] = field(default_factory=dict)
    read_entries: int = 0


@dataclass
class Journal:
    """What the driver was told, on disk as it is told, so that a stopped run can be gone on with."""

    file: Path

    def write(self, play: Play) -> None:
        with self.file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(asdict(play)) + "\n")

    def read(self) -> list[Play]:
        if not self.file.exists():
            return []
        found = [Play(**json.loads(line)) for line in self.file.read_text(encoding="utf-8").splitlines()]
        return [Play(**{**asdict(p), "decisions": [(a, w, d) for a, w, d in p.decisions]}) for p in found]


class Run:
    """The cases of one run and their players."""

    def __init__(self, order: Order, place: Site, say: Say, stop: asyncio.Event) -> None:
        self._order, self._place, self._say, self._stop = order, place, say, stop
        self.api = Api([child.base_url for child in place.apis], KEY)
        self.board = Board(self.api)
        self.journal = Journal(place.folder / "journal.jsonl")
        self.plays = self.journal.read()
        self._next = max((p.n for p in self.plays), default=-1) + 1
        self._booked = self._next
        self._before = len(self.plays)
        self._began = time.monotonic()
        self._playing: set[asyncio.Task[None]] = set()

    async def calm(self) -> None:
        """Every story once, undisturbed."""
        if self.plays:
            return
        seen: set[str] = set()
        while len(seen) < len(stories.STORIES):
            await self._more_book()
            if (name := stories.story_of(self._next)) in seen:
                self._next += 1
                continue
            seen.add(name)
            self._begin(calm=True)
        await asyncio.gather(*self._playing)

    async def burn(self, fire: Fire) -> None:
        """Cases until there are enough of them and enough has been hit; or until it is told to stop."""
        told = time.monotonic()
        while not self._enough(fire):
            await self._more_book()
            self._begin(calm=False)
            while len(self._playing) >= self._order.at_once:
                await asyncio.wait(self._playing, return_when=asyncio.FIRST_COMPLETED)
            if time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                self._tell(fire)
        fire.end()
        if self._playing:
            await asyncio.wait(self._playing)

    def _enough(self, fire: Fire) -> bool:
        late = time.monotonic() - self._began > self._order.limit_seconds
        played = len(self.plays) + len(self._playing) >= self._order.cases
        return self._stop.is_set() or late or (played and not fire.counts.lacking(self._order.plan.needs))

    def _tell(self, fire: Fire) -> None:
        seconds = time.monotonic() - self._began
        done = len(self.plays)
        rate = (done - self._before) / seconds
        left = max(0, self._order.cases - done) / rate if rate else 0
        self._say(
            f"{seconds:5.0f} s: {done} cases done ({rate:.1f}/s), {len(self._playing)} playing, "
            f"{fire.counts.total} faults, {len(fire.counts.lacking(self._order.plan.needs))} kinds and windows lack "
            f"hits; about {left / 60:.0f} min to go"
        )

    async def _more_book(self) -> None:
        if self._booked - self._next < _BOOK_STEP // 2:
            first = self._booked
            self._booked += _BOOK_STEP
            await stories.load_book(self.api, first, _BOOK_STEP, sample_too=first == 0)

    def _begin(self, *, calm: bool) -> None:
        play = Play(self._next, stories.story_of(self._next), calm=calm)
        self._next += 1
        task = asyncio.create_task(self._play(play))
        self._playing.add(task)
        task.add_done_callback(self._playing.discard)

    async def _play(self, play: Play) -> None:
        rng = random.Random(f"{self._order.plan.seed}/{play.n}")
        try:
            await stories.STORIES[play.story].script(Player(self.api, self.board, play), stories.Names(play.n), rng)
            play.outcome = "done"
        except Stuck as stuck:
            play.outcome = f"stuck: {stuck}"
            self._say(f"case {play.n} ({play.story}): {play.outcome}")
        finally:
            self.board.forget(play.case_id)
            self.plays.append(play)
            self.journal.write(play)


async def run(order: Order, folder: Path, *, say: Say, stop: asyncio.Event, keep: bool = False) -> Result:
    """Play and judge one run; `keep`: go on with the run that the folder holds."""
    began, since = time.monotonic(), datetime(2020, 1, 1, tzinfo=UTC)
    async with site(folder, apis=order.apis, workers=order.workers, keep=keep) as place:
        playing = Run(order, place, say, stop)
        fire = Fire(order.plan, place, playing.api, playing.board, Counts.load(folder / "counts.json"))
        readers = Readers(playing.api, playing.board, playing.plays)
        helpers = [asyncio.create_task(playing.board.run())]
        try:
            await playing.calm()
            say(f"calm: {len(playing.plays)} cases; now with faults, seed {order.plan.seed}")
            helpers += [asyncio.create_task(readers.run()), *fire.start()]
            for helper in helpers:
                helper.add_done_callback(lambda done: _broken(done, stop, say))
            await playing.burn(fire)
            await fire.settled()
            result = Result(order, playing.plays, fire.counts, stopped=stop.is_set())
            await readers.end()
            say(f"judging {len(playing.plays)} cases")
            result.findings += [f"case {p.n} ({p.story}): {p.outcome}" for p in playing.plays if p.outcome != "done"]
            result.findings += [
                f
                async for f in outside.judge(playing.api, playing.plays, place.outboxes, place.receiver.requests, since)
            ]
            with place.database.log.open(encoding="utf-8", errors="replace") as log:
                result.findings += check_server(log)
            result.findings += readers.findings + place.failures
            if not result.stopped:
                result.findings += fire.counts.lacking(order.plan.needs)
            result.read_entries = readers.entries
            result.server_errors = playing.api.errors
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            await playing.api.close()
    result.seconds = time.monotonic() - began
    return result


def _broken(helper: asyncio.Task[None], stop: asyncio.Event, say: Say) -> None:
    """The harness itself failed: end the run, and let its own error be seen."""
    if not helper.cancelled() and helper.exception() is not None:
        say(f"the harness broke: {helper.exception()!r}")
        stop.set()
