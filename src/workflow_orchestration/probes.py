"""A process's /metrics, /health and /ready on METRICS_PORT, for a scraper and a kubelet."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import psycopg
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from psycopg_pool import PoolTimeout

_MAX_REQUEST = 8192


class Probes:
    """A small HTTP server for a scraper and a kubelet."""

    def __init__(self, host: str, port: int, is_ready: Callable[[], Awaitable[bool]]) -> None:
        self._host = host
        self._port = port
        self._is_ready = is_ready

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._answer, self._host, self._port, limit=_MAX_REQUEST)
        async with server:
            yield

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(5):
                head = await reader.readuntil(b"\r\n\r\n")
                path = [*head.split(b" ", 2), b"", b""][1].decode("latin-1")
                status, kind, body = await self._page(path)
                writer.write(
                    f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
                    "Connection: close\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        writer.close()

    async def _page(self, path: str) -> tuple[str, str, bytes]:
        match path:
            case "/health":
                return "200 OK", "application/json", b'{"status":"ok"}'
            case "/ready":
                try:
                    ready = await self._is_ready()
                except (psycopg.Error, PoolTimeout, TimeoutError):
                    ready = False
                if ready:
                    return "200 OK", "application/json", b'{"status":"ok"}'
                return "503 Service Unavailable", "application/json", b'{"status":"not ready"}'
            case "/metrics":
                return "200 OK", CONTENT_TYPE_LATEST, generate_latest()
            case _:
                return "404 Not Found", "text/plain", b"not found"
