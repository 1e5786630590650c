"""Runs the API: its port, its metrics' port, and an orderly end in which open streams close at once."""

from __future__ import annotations

import asyncio
import gc
import signal
from types import FrameType

import uvicorn
from fastapi import FastAPI

from workflow_orchestration import process_log
from workflow_orchestration.api import metrics
from workflow_orchestration.api.app import create_app
from workflow_orchestration.api.services import Services
from workflow_orchestration.settings import Settings

#: Seconds after SIGTERM in which requests on open connections are still answered, each with `Connection: close`. A
#: connection that is closed under a client which has just sent on it costs that client its request.
LINGER_SECONDS = 2.0
#: Seconds that requests in flight have to end, after that.
GRACE_SECONDS = 8
_IDLE_SECONDS = 65
_CLOSE = (b"connection", b"close")


class Server(uvicorn.Server):
    """Tells streams and waits to end as soon as the process is told to."""

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        self.services: Services = app.state.services
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.api_host,
                port=settings.api_port,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=_IDLE_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self.loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        self.loop = asyncio.get_running_loop()
        await super().serve(sockets)  # type: ignore[arg-type]

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """uvicorn would end the process by the signal itself; ended in good order it exits with 0."""
        assert self.loop is not None  # signals are ours only while it serves
        self.loop.call_soon_threadsafe(self._leave, sig)  # a signal arrives between any two instructions

    def _leave(self, sig: int) -> None:
        self.services.stop()
        if sig == signal.SIGTERM and _CLOSE not in self.config.encoded_headers:
            self.config.encoded_headers.append(_CLOSE)
            self.server_state.default_headers = [*self.server_state.default_headers, _CLOSE]
            asyncio.get_running_loop().call_later(LINGER_SECONDS, self._end)
            return
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self._end()

    def _end(self) -> None:
        self.should_exit = True


async def serve(settings: Settings, app: FastAPI | None = None) -> None:
    """Serve until SIGTERM or SIGINT. `app`: the API's with more on it (the pages); by default the API alone."""
    process_log.configure(settings)
    app = app or create_app(settings)
    services: Services = app.state.services
    gc.freeze()  # what is loaded by now stays: the collector need not look through it again and again
    async with await metrics.serve(services.metrics, settings.api_host, settings.metrics_port):
        await Server(app, settings).serve()
