"""The API's own description."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request

from workflow_orchestration.api.auth import allowed
from workflow_orchestration.api.endpoint import Endpoint
from workflow_orchestration.domain.roles import Principal

router = APIRouter(prefix="/v1", route_class=Endpoint)


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request, who: Annotated[Principal, allowed(None)]) -> Any:
    """OpenAPI, for anybody with a token."""
    return request.app.openapi()
