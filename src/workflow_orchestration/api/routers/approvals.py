"""What waits for people, and the door through which they decide."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request

from workflow_orchestration.api.auth import allowed
from workflow_orchestration.api.endpoint import Endpoint
from workflow_orchestration.api.problems import documented
from workflow_orchestration.api.schemas.approvals import ApprovalPage, ApprovalView, DecisionAnswer, State
from workflow_orchestration.api.services import Use
from workflow_orchestration.domain.decisions import Decision
from workflow_orchestration.domain.errors import (
    AlreadyDecided,
    HashMismatch,
    InvalidRequest,
    NotFound,
    SegregationOfDuties,
    Superseded,
)
from workflow_orchestration.domain.roles import Operation, Principal
from workflow_orchestration.store import approvals, decide, views

router = APIRouter(prefix="/v1/approvals", tags=["approvals"], route_class=Endpoint)
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {**Decision.model_json_schema(), "title": "Decision"},
                "examples": {
                    "approve": {"value": {"decision": "approve", "payload_hash": "sha256:4f1c"}},
                    "reject": {
                        "value": {
                            "decision": "reject",
                            "payload_hash": "sha256:4f1c",
                            "reason_code": "WRONG_CAUSE",
                            "comment": "the custodian has matched it meanwhile",
                        }
                    },
                },
            }
        },
    }
}


@router.get("", response_model=ApprovalPage, summary="Approvals, soonest deadline first")
async def list_approvals(
    use: Use,
    who: Annotated[Principal, allowed(Operation.APPROVAL_READ)],
    state: State | None = "pending",
    case_id: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Any:
    """Those of your desks' cases; pending ones unless another state is asked for."""
    case = str(case_id) if case_id else None
    found = await use.read(lambda conn: approvals.page(conn, who, state=state, case_id=case, limit=limit))
    return {"items": [views.summary(row) for row in found]}


@router.get(
    "/{approval_id}",
    response_model=ApprovalView,
    summary="Everything that a decision rests on",
    responses=documented(NotFound),
)
async def get_approval(approval_id: UUID, use: Use, who: Annotated[Principal, allowed(Operation.APPROVAL_READ)]) -> Any:
    """Action, parameters, diff, evidence, validators, and the hash that a decision must carry."""
    return await use.read(lambda conn: views.approval(conn, str(approval_id), who))


@router.post(
    "/{approval_id}/decisions",
    response_model=DecisionAnswer,
    openapi_extra=_BODY,
    summary="Decide",
    responses=documented(NotFound, SegregationOfDuties, Superseded, AlreadyDecided, HashMismatch),
)
async def post_decision(
    approval_id: UUID, request: Request, use: Use, who: Annotated[Principal, allowed(Operation.APPROVAL_DECIDE)]
) -> Any:
    """Checked in this order: visible (404), role (403), requester, maker or decided before (403; the same decision
    again gets the stored answer), superseded (410), decided (409), hash (409), and then the body (422)."""
    body = await request.json() if await request.body() else None
    if not isinstance(body, dict):
        raise InvalidRequest("the decision is not a JSON object", errors=[{"field": "body", "cause": "no object"}])
    answer = await use.write(lambda conn: decide.decide(conn, str(approval_id), body, who, use.policy))
    use.woke(str(answer["case_id"]))
    return answer
