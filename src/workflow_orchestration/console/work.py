"""What people do on a case besides deciding: end a task, and an operator's hand on an effect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from workflow_orchestration.api.auth import authorise
from workflow_orchestration.api.services import Services, Use
from workflow_orchestration.console import forms
from workflow_orchestration.console.page import asks_for_part
from workflow_orchestration.console.session import Visitor, VisitorRoute
from workflow_orchestration.domain.roles import Operation
from workflow_orchestration.store import casework, operators
from workflow_orchestration.store.db import Conn, Row

router = APIRouter(route_class=VisitorRoute, include_in_schema=False)


@router.post("/tasks/{task_id}/complete")
async def complete(
    task_id: UUID, request: Request, services: Use, visitor: Visitor, answer: Annotated[str, Form(max_length=2000)]
) -> Response:
    authorise(visitor, Operation.TASK_COMPLETE)
    forms.check({"answer": answer})
    return await _done(
        request,
        services,
        lambda conn: casework.complete_task(
            conn, str(task_id), visitor, result={"answer": answer.strip()}, comment=None
        ),
    )


@router.post("/effects/{effect_id}/retry")
async def retry(effect_id: UUID, request: Request, services: Use, visitor: Visitor) -> Response:
    authorise(visitor, Operation.EFFECT_MANAGE)
    return await _done(request, services, lambda conn: operators.retry_effect(conn, str(effect_id), visitor, None))


@router.post("/effects/{effect_id}/cancel")
async def cancel(effect_id: UUID, request: Request, services: Use, visitor: Visitor) -> Response:
    authorise(visitor, Operation.EFFECT_MANAGE)
    return await _done(request, services, lambda conn: operators.cancel_effect(conn, str(effect_id), visitor, None))


async def _done(request: Request, services: Services, work: Callable[[Conn], Awaitable[Row]]) -> Response:
    """Do it, wake whoever waits, and let the page show it: its log brings the news."""
    case_id = str((await services.write(work))["case_id"])
    services.woke(case_id)
    if asks_for_part(request):
        return Response("", headers={"HX-Trigger": "decided"})
    return RedirectResponse(f"/cases/{case_id}", status_code=303)
