"""Desks and people at work on a release while something happens to it: the failure harness's stories, played through a
Service's address, judged by the harness's checker against what the API shows and what the receiver has.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.failure.harness import stories
from tests.failure.harness.checker import Whole, check_case
from tests.failure.harness.driver import Api, Board, Play, Player, Stuck
from tests.failure.harness.outside import fetch
from tests.failure.harness.site import KEY

#: Stories that come to one certain end and wait for no clock.
_STORIES = frozenset({"chase", "replace", "early", "doubled", "reject"})
_BOOK_STEP = 60
_END_SECONDS = 150.0


@dataclass
class Crowd:
    """Cases begun one after the other, `at_once` of them in flight, until it is told to end."""

    url: str
    #: The receiver's folder, as this machine sees it.
    outbox: Path
    #: Numbers of its cases begin here: a number is one case for ever.
    first: int = 0
    at_once: int = 4
    plays: list[Play] = field(default_factory=list)
    #: Answers of 5xx and 429, by status, and connections that failed, over the whole time.
    errors: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ending = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)
        self._broken: list[BaseException] = []

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """No new case; those begun come to their end."""
        self._ending.set()
        self._thread.join(_END_SECONDS)
        if self._thread.is_alive():
            raise AssertionError(f"cases did not end within {_END_SECONDS:g} s: {self.unfinished()}")
        if self._broken:
            raise self._broken[0]

    def finished(self) -> int:
        return sum(play.outcome == "done" for play in self.plays)

    def unfinished(self) -> list[str]:
        return [f"{p.n} ({p.story}): {p.outcome}" for p in self.plays if p.outcome != "done"]

    def await_more(self, count: int, *, seconds: float = 120) -> None:
        """So many more cases came to their end than had at the call."""
        wanted, end = self.finished() + count, time.monotonic() + seconds
        while self.finished() < wanted:
            if time.monotonic() > end or not self._thread.is_alive():
                raise AssertionError(f"{self.finished()} of {wanted} cases ended within {seconds:g} s; "
                                     f"{self.unfinished()}; {self._broken}")  # fmt: skip
            time.sleep(0.2)

    def findings(self) -> list[str]:
        """Every broken rule: a lost message, a doubled effect, a gap in a log; empty is good."""
        return asyncio.run(self._judge())

    async def _main(self) -> None:
        api = Api([self.url], KEY)
        board = Board(api)
        looking = asyncio.create_task(board.run())
        try:
            await self._begin(api, board)
        except (Stuck, OSError) as error:
            self._broken.append(error)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            self.errors |= api.errors
            await api.close()

    async def _begin(self, api: Api, board: Board) -> None:
        playing: set[asyncio.Task[None]] = set()
        booked = self.first
        for n in self._numbers():
            if n >= booked - _BOOK_STEP // 2:
                start = max(booked, n)
                await stories.load_book(api, start, _BOOK_STEP, sample_too=booked == self.first)
                booked = start + _BOOK_STEP
            playing.add(asyncio.create_task(self._play(api, board, n)))
            while len(playing) >= self.at_once:
                _, playing = await asyncio.wait(playing, return_when=asyncio.FIRST_COMPLETED)
        if playing:
            await asyncio.wait(playing)

    def _numbers(self) -> Iterator[int]:
        n = self.first
        while not self._ending.is_set():
            if stories.story_of(n) in _STORIES:
                yield n
            n += 1

    async def _play(self, api: Api, board: Board, n: int) -> None:
        play = Play(n, stories.story_of(n))
        self.plays.append(play)
        try:
            script = stories.STORIES[play.story].script
            await script(Player(api, board, play), stories.Names(n), random.Random(n))
            play.outcome = "done"
        except Stuck as stuck:
            play.outcome = f"stuck: {stuck}"
        finally:
            board.forget(play.case_id)

    async def _judge(self) -> list[str]:
        api, whole = Api([self.url], KEY), Whole()
        found = [f"case {line}" for line in self.unfinished()]
        try:
            for play in self.plays:
                if play.case_id:
                    found += check_case(await fetch(api, play, [self.outbox]), whole)
            report = await api.get("/v1/log/verify")
            found += [f"log verify: {finding}" for finding in report["findings"]]
        finally:
            await api.close()
        return found


@contextlib.contextmanager
def at_work(crowd: Crowd) -> Iterator[Crowd]:
    """The crowd works while the block runs; then its cases come to their end."""
    crowd.start()
    try:
        crowd.await_more(2)
        yield crowd
    finally:
        crowd.end()
