"""The API's app factory: the only place that wires. It starts without a database and recovers when one comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

import structlog
from fastapi import FastAPI

from workflow_orchestration.api import problems
from workflow_orchestration.api.metrics import Metrics
from workflow_orchestration.api.observe import Observe
from workflow_orchestration.api.openapi import describe
from workflow_orchestration.api.rate import RateLimits
from workflow_orchestration.api.readiness import Readiness
from workflow_orchestration.api.routers import ROUTERS
from workflow_orchestration.api.services import Services
from workflow_orchestration.api.tokens import Verifier
from workflow_orchestration.settings import Settings
from workflow_orchestration.store.approvals import Policy
from workflow_orchestration.store.db import make_pool
from workflow_orchestration.store.notify import Bell, Listener, Notifier

_CLOSE_SECONDS = 3.0
_logger = structlog.get_logger(__name__)


def create_app(settings: Settings) -> FastAPI:
    app = FastAPI(
        title="Workflow orchestration",
        version=version("workflow-orchestration"),
        lifespan=_lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.services = _services(settings)
    app.add_middleware(Observe)
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.openapi = partial(describe, app)  # type: ignore[method-assign]
    return app


def _services(settings: Settings) -> Services:
    pool = make_pool(settings.database_url.get_secret_value(), size=settings.database_pool_size, name="wo-api")
    return Services(
        settings=settings,
        pool=pool,
        notifier=Notifier(pool),
        bell=Bell(),
        verifier=Verifier(settings),
        rates=RateLimits(settings.rate_limit_per_minute),
        readiness=Readiness(pool),
        metrics=Metrics(pool),
        policy=Policy(settings.approval_minutes, settings.approval_warning_minutes, tuple(settings.webhook_urls)),
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    listener = Listener(services.settings.database_url.get_secret_value(), services.bell.ring, services.overheard.told)
    await services.pool.open(wait=False)
    helpers = [
        asyncio.create_task(services.notifier.run(), name="notifier"),
        asyncio.create_task(listener.run(), name="listener"),
    ]
    for helper in helpers:
        helper.add_done_callback(_tell_if_failed)
    try:
        yield
    finally:
        services.stop()
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
        await services.pool.close(timeout=_CLOSE_SECONDS)


def _tell_if_failed(helper: asyncio.Task[None]) -> None:
    """Readers poll, so they go on without it; but somebody must know."""
    if not helper.cancelled() and (error := helper.exception()) is not None:
        _logger.error(
            "a helper task ended; wake-ups are slow until the next restart", task=helper.get_name(), exc_info=error
        )
