"""Numbers for Prometheus, on a port of their own. No label ever holds what a user sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from workflow_orchestration.store.db import Pool

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_POOL = {"pool_size": "connections", "pool_available": "idle connections", "requests_waiting": "requests waiting"}
_READ_SECONDS = 5


class Metrics:
    def __init__(self, pool: Pool) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "wo_http_requests",
            "Requests by route template, method and status.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "wo_http_request_seconds",
            "Seconds from the request to its answer's end.",
            ("route", "method"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.streams = Gauge("wo_http_open_streams", "Event streams open now.", registry=self.registry)
        self.registry.register(_PoolNumbers(pool))
        ProcessCollector(registry=self.registry)


class _PoolNumbers(Collector):
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def collect(self) -> Iterator[Metric]:
        stats = self._pool.get_stats()
        for name, what in _POOL.items():
            yield GaugeMetricFamily(f"wo_db_{name}", f"The database pool's {what}.", value=stats.get(name, 0))


async def serve(metrics: Metrics, host: str, port: int) -> asyncio.Server:
    """A server that knows `GET /metrics` and nothing else."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_READ_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            writer.write(_response(metrics, head.split(b"\r\n", 1)[0]))
            await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # whoever asks badly gets nothing
        finally:
            writer.close()

    return await asyncio.start_server(answer, host, port)


def _response(metrics: Metrics, request_line: bytes) -> bytes:
    method, _, rest = request_line.partition(b" ")
    path = rest.split(b" ")[0].split(b"?")[0]
    if (method, path) != (b"GET", b"/metrics"):
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    body = generate_latest(metrics.registry)
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
