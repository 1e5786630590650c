"""Liveness and readiness: no principal, no rate, no detail."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from workflow_orchestration.api.services import Use

router = APIRouter(tags=["probes"])


class Probe(BaseModel):
    status: Literal["ok", "not ready"]


@router.get("/health", response_model=Probe, summary="Is the process alive?")
async def health() -> Probe:
    """Says nothing of the database: a restart does not cure that."""
    return Probe(status="ok")


@router.get(
    "/ready",
    response_model=Probe,
    summary="Can it work: database reachable, schema recent enough?",
    responses={503: {"model": Probe, "description": "Not ready."}},
)
async def ready(response: Response, use: Use) -> Probe:
    """Asked of the database at most once a second."""
    if not use.stopping.is_set() and await use.readiness.ready():
        return Probe(status="ok")
    response.status_code = 503
    return Probe(status="not ready")
