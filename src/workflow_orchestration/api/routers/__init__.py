"""The endpoints, a file a resource. A new router is one import and one name here; app.py never changes."""

from __future__ import annotations

from fastapi import APIRouter

from workflow_orchestration.api.routers import (
    approvals,
    book,
    cases,
    effects,
    events,
    kill_switches,
    log,
    messages,
    probes,
    reference,
    tasks,
)

ROUTERS: tuple[APIRouter, ...] = (
    probes.router,
    messages.router,
    cases.router,
    events.router,
    approvals.router,
    tasks.router,
    book.router,
    effects.router,
    kill_switches.router,
    log.router,
    reference.router,
)
