"""People who follow a case's log while everything breaks: each moves to another api at every break, by the last id."""

from __future__ import annotations

import asyncio
import contextlib

import httpx

from tests.failure.harness.checker import check_stream
from tests.failure.harness.driver import Api, Board, Play

#: Cases followed at once.
_AT_ONCE = 4
_BREAK_SECONDS = 0.2
#: After so many entries a reader moves on by itself.
_MOVE_AFTER = 7


class Readers:
    """Follows one newly ended or playing case after the other from its first entry to its end."""

    def __init__(self, api: Api, board: Board, plays: list[Play]) -> None:
        self._api, self._board, self._plays = api, board, plays
        self.findings: list[str] = []
        self.entries = 0
        self._followed: set[str] = set()
        self._ending = False

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for n in range(_AT_ONCE):
                group.create_task(self._one_after_the_other(n))

    async def end(self) -> None:
        """Begin no new one."""
        self._ending = True

    async def _one_after_the_other(self, n: int) -> None:
        while not self._ending:
            case = next((c for c in self._board.cases() if c not in self._followed), None)
            if case is None:
                await asyncio.sleep(_BREAK_SECONDS)
                continue
            self._followed.add(case)
            await self._follow(case, n)

    async def _follow(self, case: str, turn: int) -> None:
        seen: list[int] = []
        ended = False
        while not ended and not self._ending:
            turn += 1
            url = self._api.urls[turn % len(self._api.urls)]
            try:
                ended = await self._read(url, case, seen)
            except httpx.HTTPError:
                await asyncio.sleep(_BREAK_SECONDS)
        self.entries += len(seen)
        if ended:
            self.findings += check_stream(case, seen, len(seen))

    async def _read(self, url: str, case: str, seen: list[int]) -> bool:
        """One connection; True when the stream said that the case has ended."""
        took = 0
        async with self._api.stream(url, f"/v1/cases/{case}/events", "aud", seen[-1] if seen else 0) as answer:
            if answer.status_code != httpx.codes.OK:
                await asyncio.sleep(_BREAK_SECONDS)
                return False
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    seen.append(int(line[4:]))
                    took += 1
                if line == "event: end":
                    return True
                if took >= _MOVE_AFTER and not line:
                    return False
        return False


@contextlib.asynccontextmanager
async def stalled(api: Api, url: str, cases: list[str]):  # type: ignore[no-untyped-def]
    """Streams that are opened and never read."""
    writers = []
    host, port = url.removeprefix("http://").split(":")
    try:
        for case in cases:
            _, writer = await asyncio.open_connection(host, int(port), limit=1024)
            token = api.auth("aud")["Authorization"]
            writer.write(f"GET /v1/cases/{case}/events HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n".encode())
            await writer.drain()
            writers.append(writer)
        yield len(writers)
    finally:
        for writer in writers:
            writer.close()
