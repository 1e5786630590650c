"""Stop effects at once."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path

from workflow_orchestration.api.auth import allowed
from workflow_orchestration.api.endpoint import Endpoint
from workflow_orchestration.api.schemas.effects import KillSwitchOrder, KillSwitchPage, KillSwitchView
from workflow_orchestration.api.services import Use
from workflow_orchestration.domain.roles import Operation, Principal
from workflow_orchestration.store import kill

router = APIRouter(prefix="/v1/kill-switches", tags=["kill switches"], route_class=Endpoint)
Scope = Annotated[
    str,
    Path(
        max_length=80,
        examples=["all", "workflow:settlement", "action:CHASE"],
        description="all, workflow:<name> or action:<NAME>.",
    ),
]


@router.get("", response_model=KillSwitchPage, summary="Every switch that was ever set, and how it stands")
async def list_switches(use: Use, who: Annotated[Principal, allowed(Operation.KILL_READ)]) -> Any:
    """An engaged one stops every effect of its scope."""
    return {"items": await use.read(kill.page)}


@router.put("/{scope}", response_model=KillSwitchView, summary="Engage or release a switch")
async def put_switch(
    scope: Scope, body: KillSwitchOrder, use: Use, who: Annotated[Principal, allowed(Operation.KILL_WRITE)]
) -> Any:
    """At once and across restarts; a delivery already at its receiver cannot be called back."""
    switch = await use.write(
        lambda conn: kill.put(conn, scope, engaged=body.engaged, reason=body.reason, principal=who)
    )
    use.woke()
    return switch
