"""What was or will be done to the outside, and what operators may do about it."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query

from workflow_orchestration.api.auth import allowed
from workflow_orchestration.api.endpoint import Endpoint
from workflow_orchestration.api.problems import documented
from workflow_orchestration.api.schemas.effects import EffectCancelled, EffectOrder, EffectPage, EffectView
from workflow_orchestration.api.services import Use
from workflow_orchestration.domain.errors import NotFound
from workflow_orchestration.domain.roles import Operation, Principal
from workflow_orchestration.store import effects, operators

router = APIRouter(prefix="/v1/effects", tags=["effects"], route_class=Endpoint)


@router.get("", response_model=EffectPage, summary="Effects, newest first")
async def list_effects(
    use: Use,
    who: Annotated[Principal, allowed(Operation.EFFECT_READ)],
    state: Literal["pending", "delivered", "refused", "cancelled"] | None = None,
    kind: Literal["message", "webhook"] | None = None,
    case_id: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Any:
    """Those of your desks' cases."""
    case = str(case_id) if case_id else None
    return {
        "items": await use.read(lambda conn: effects.page(conn, who, state=state, kind=kind, case_id=case, limit=limit))
    }


@router.post(
    "/{effect_id}/retry",
    response_model=EffectView,
    summary="Try a refused effect again",
    responses=documented(NotFound),
)
async def retry_effect(
    effect_id: UUID, body: EffectOrder, use: Use, who: Annotated[Principal, allowed(Operation.EFFECT_MANAGE)]
) -> Any:
    """With the same key; the rules that forbade it are judged again first."""
    effect = await use.write(lambda conn: operators.retry_effect(conn, str(effect_id), who, body.comment))
    use.woke(str(effect["case_id"]))
    return effect


@router.post(
    "/{effect_id}/cancel", response_model=EffectCancelled, summary="Withdraw an effect", responses=documented(NotFound)
)
async def cancel_effect(
    effect_id: UUID, body: EffectOrder, use: Use, who: Annotated[Principal, allowed(Operation.EFFECT_MANAGE)]
) -> Any:
    """One that is pending or refused. A delivery in progress may still win: `delivery_in_progress` says so."""
    effect = await use.write(lambda conn: operators.cancel_effect(conn, str(effect_id), who, body.comment))
    use.woke(str(effect["case_id"]))
    return effect
