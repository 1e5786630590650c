"""The other end of an effect: honest by nature (one act a key), and as bad a correspondent as it is told to be.

What it did is files in a folder, one a key; what it was asked is a line each. Both are read by the checker only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

from ci.local.killing import free_port

#: late: answers after the sender has given up. twice: one request, two answers. cut: acts, and hangs up unanswered.
#: error: 500, before or after it acted. conflict: 409 at once. silent: neither acts nor answers.
Mood = Literal["honest", "late", "twice", "cut", "error", "conflict", "silent"]
MOODS: tuple[Mood, ...] = ("late", "twice", "cut", "error", "conflict", "silent")
#: In its best mood it still fails once in so many requests.
_FAILS_EVERY = 10
#: The sender waits 10 s for an answer.
_TOO_LATE = 10.5
_HEAD_SECONDS = 30
_OK, _CONFLICT, _ERROR = "200 OK", "409 Conflict", "500 Internal Server Error"


class Receiver:
    """Serves `url`; `mood` is how it treats the next requests, `bad` counts those it treated badly, by mood."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.mood: Mood = "honest"
        self.bad: dict[str, int] = dict.fromkeys(MOODS, 0)
        self._asked = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/effects"

    @property
    def requests(self) -> Path:
        """A JSON line a request: key and body."""
        return self.folder / ".requests.jsonl"

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._connection, "127.0.0.1", self.port)
        try:
            yield
        finally:
            server.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            while await self._one(reader, writer):
                await writer.drain()
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; False to hang up."""
        async with asyncio.timeout(_HEAD_SECONDS):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
            body = (await reader.readexactly(int(length[1]) if length else 0)).decode()
        key = re.search(r"idempotency-key: (\S+)", head, re.IGNORECASE)
        mood, self._asked = self.mood, self._asked + 1
        if key is None:
            writer.write(_answer("400 Bad Request"))
            return True
        if mood == "honest" and self._asked % _FAILS_EVERY == 0:
            mood = "error"
        elif mood != "honest":
            self.bad[mood] += 1
        self._note(key[1], body, mood)
        return await self._treat(mood, key[1], body, writer)

    async def _treat(self, mood: Mood, key: str, body: str, writer: asyncio.StreamWriter) -> bool:
        acts = mood not in ("silent", "error") or (mood == "error" and self._asked % 2 == 0)
        fresh = self._act(key, body) if acts else False
        match mood:
            case "late" | "silent":
                await asyncio.sleep(_TOO_LATE)
                return False
            case "cut":
                return False
            case "error":
                writer.write(_answer(_ERROR))
            case "twice":
                writer.write(_answer(_OK) * 2)
            case "conflict":
                writer.write(_answer(_CONFLICT))
            case "honest":
                writer.write(_answer(_OK if fresh else _CONFLICT))
        return True

    def _act(self, key: str, body: str) -> bool:
        """Do it once a key, whatever comes; False when it was done before."""
        try:
            with (self.folder / file_name(key)).open("x", encoding="utf-8", newline="") as out:
                out.write(body)
        except FileExistsError:
            return False
        return True

    def _note(self, key: str, body: str, mood: Mood) -> None:
        with self.requests.open("a", encoding="utf-8") as out:
            out.write(json.dumps({"key": key, "body": body, "mood": mood}) + "\n")


def file_name(key: str) -> str:
    """As the directory receiver names a message of this key."""
    return f"{re.sub(r'[^A-Za-z0-9._-]', '_', key)}.fin"


def _answer(status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok".encode()
