"""Wake-ups across processes: LISTEN/NOTIFY, batched. A lost one costs latency, never data: readers poll too.

A NOTIFY inside a business transaction serialises commits (8,600 -> 1,200 a second, measured), so wake-ups are
collected and sent by one background statement after the commits.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection
from psycopg_pool import PoolTimeout

from workflow_orchestration.store.db import Pool

CHANNEL = "wo"
#: What agents are writing just now, as JSON: beside the log, and never part of it.
WHISPERS = "wo_whispers"
WORK = "work"
_MAX_PAYLOAD = 7000
_BATCH_SECONDS = 0.002
#: Its commit need not reach the disk: a wake-up that a crash takes is one that its listeners lost with their session.
_SEND = "select set_config('synchronous_commit', 'off', true), pg_notify(%s, %s)"
_logger = structlog.get_logger(__name__)


class Notifier:
    """Sends wake-ups: `wake(WORK)` for workers, `wake(stream)` for readers of a log stream."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._words: set[str] = set()
        self._ready = asyncio.Event()

    def wake(self, *words: str) -> None:
        self._words.update(words)
        self._ready.set()

    async def run(self) -> None:
        while True:
            await self._ready.wait()
            self._ready.clear()
            words, self._words = sorted(self._words), set()
            try:
                async with self._pool.connection() as conn:
                    for payload in _payloads(words):
                        await conn.execute(_SEND, (CHANNEL, payload))
            except psycopg.Error as error:
                _logger.warning("wake-up not sent; readers find the entries by polling", error=str(error))
                await asyncio.sleep(0.5)
            await asyncio.sleep(_BATCH_SECONDS)  # the first word goes at once; those of this while go together


def _payloads(words: list[str]) -> list[str]:
    payloads, current = [], ""
    for word in words:
        if current and len(current) + len(word) + 1 > _MAX_PAYLOAD:
            payloads.append(current)
            current = ""
        current = f"{current} {word}".strip()
    return [*payloads, current] if current else payloads


#: Whispers are sent together this often; their readers are people.
_WHISPER_SECONDS = 0.1
#: Characters of one whisper; a longer piece of text is cut into several. JSON may write one as six bytes.
_WHISPER_LENGTH = 1000
#: Whispers that wait; a model that is faster than the database loses the rest.
MOST_WAITING = 500


class Whisper:
    """Sends text while an agent writes it, to whoever follows the case. What is lost is in the log a moment later."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._waiting: dict[tuple[str, str, int], str] = {}
        self._ready = asyncio.Event()

    def say(self, case_id: str, agent: str, text: str, number: int) -> None:
        """A piece of text; a higher `number` makes void what the same agent said before."""
        key = (case_id, agent, number)
        if key in self._waiting or len(self._waiting) < MOST_WAITING:
            self._waiting[key] = self._waiting.get(key, "") + text
            self._ready.set()

    async def run(self) -> None:
        while True:
            await self._ready.wait()
            await asyncio.sleep(_WHISPER_SECONDS)
            self._ready.clear()
            payloads = list(self._payloads())
            try:
                async with self._pool.connection() as conn:
                    for payload in payloads:
                        await conn.execute(_SEND, (WHISPERS, payload))
            except (psycopg.Error, PoolTimeout) as error:
                _logger.warning("whispers not sent; the log will have the text", error=str(error))

    def _payloads(self) -> Iterator[str]:
        waiting, self._waiting = self._waiting, {}
        for (case_id, agent, number), text in waiting.items():
            for at in range(0, len(text), _WHISPER_LENGTH):
                told = {"agent": agent, "try": number, "text": text[at : at + _WHISPER_LENGTH]}
                yield json.dumps({"case_id": case_id, **told})


class Listener:
    """Receives wake-ups on a session of its own and hands each word to `on_word`; reconnects for ever.

    After a reconnect it says `on_word("*")`: anything may have happened meanwhile. `on_whisper` gets the whispers,
    each as it was sent.
    """

    def __init__(
        self, url: str, on_word: Callable[[str], None], on_whisper: Callable[[str], None] | None = None
    ) -> None:
        self._url = url
        self._on_word = on_word
        self._on_whisper = on_whisper

    async def run(self) -> None:
        while True:
            try:
                await self._listen()
            except psycopg.Error as error:
                _logger.warning("listening connection lost; connecting again", error=str(error))
            await asyncio.sleep(1)

    async def _listen(self) -> None:
        async with await AsyncConnection.connect(self._url, autocommit=True) as conn:
            await conn.execute(f"listen {CHANNEL}")
            if self._on_whisper is not None:
                await conn.execute(f"listen {WHISPERS}")
            self._on_word("*")
            async for note in conn.notifies():
                if note.channel == WHISPERS and self._on_whisper is not None:
                    self._on_whisper(note.payload)
                    continue
                for word in note.payload.split():
                    self._on_word(word)


class Bell:
    """Wakes whoever waits for a word; each waiter has its own event, so none is missed."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def ring(self, word: str) -> None:
        names = list(self._waiting) if word == "*" else [word]
        for name in names:
            for event in self._waiting.get(name, ()):
                event.set()

    @contextlib.contextmanager
    def hear(self, word: str) -> Iterator[asyncio.Event]:
        """An event set at each ring of `word` while the block lasts. Subscribe first, then read."""
        event = asyncio.Event()
        self._waiting.setdefault(word, set()).add(event)
        try:
            yield event
        finally:
            waiting = self._waiting[word]
            waiting.discard(event)
            if not waiting:
                del self._waiting[word]


class Overheard:
    """Whispers for whoever follows a case here. A reader keeps the newest few; one that is slow loses the oldest."""

    _KEPT = 100

    def __init__(self, bell: Bell) -> None:
        self._bell = bell
        self._readers: dict[str, list[deque[dict[str, Any]]]] = {}

    def told(self, payload: str) -> None:
        """A whisper came in: keep it for the case's readers, and wake them."""
        try:
            whisper = json.loads(payload)
            case_id = str(whisper.pop("case_id"))
        except (ValueError, KeyError, AttributeError, TypeError):  # whoever may NOTIFY may send anything
            _logger.warning("a whisper that is none is dropped", length=len(payload))
            return
        for reader in self._readers.get(case_id, ()):
            reader.append(whisper)
        if case_id in self._readers:
            self._bell.ring(case_id)

    @contextlib.contextmanager
    def of(self, case_id: str) -> Iterator[deque[dict[str, Any]]]:
        """What is whispered about a case while the block lasts."""
        mine: deque[dict[str, Any]] = deque(maxlen=self._KEPT)
        self._readers.setdefault(case_id, []).append(mine)
        try:
            yield mine
        finally:
            left = [reader for reader in self._readers[case_id] if reader is not mine]
            if left:
                self._readers[case_id] = left
            else:
                del self._readers[case_id]
