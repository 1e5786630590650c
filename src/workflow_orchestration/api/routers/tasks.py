"""What people are asked to do or to answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query

from workflow_orchestration.api.auth import allowed
from workflow_orchestration.api.endpoint import Endpoint
from workflow_orchestration.api.problems import documented
from workflow_orchestration.api.schemas.tasks import TaskCompletion, TaskPage, TaskView
from workflow_orchestration.api.services import Use
from workflow_orchestration.domain.errors import NotFound
from workflow_orchestration.domain.roles import Operation, Principal, Role
from workflow_orchestration.store import casework, tasks

router = APIRouter(prefix="/v1/tasks", tags=["tasks"], route_class=Endpoint)


@router.get("", response_model=TaskPage, summary="Tasks, those of urgent cases first")
async def list_tasks(
    use: Use,
    who: Annotated[Principal, allowed(Operation.TASK_READ)],
    state: Literal["open", "done", "cancelled"] | None = None,
    role: Role | None = None,
    case_id: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Any:
    """Those of your desks' cases."""
    case = str(case_id) if case_id else None
    return {
        "items": await use.read(lambda conn: tasks.page(conn, who, state=state, role=role, case_id=case, limit=limit))
    }


@router.get("/{task_id}", response_model=TaskView, summary="One task", responses=documented(NotFound))
async def get_task(task_id: UUID, use: Use, who: Annotated[Principal, allowed(Operation.TASK_READ)]) -> Any:
    """What is asked, of which role, and what came of it."""
    return await use.read(lambda conn: tasks.get_visible(conn, str(task_id), who))


@router.post(
    "/{task_id}/complete", response_model=TaskView, summary="Bring a task to its end", responses=documented(NotFound)
)
async def complete_task(
    task_id: UUID, body: TaskCompletion, use: Use, who: Annotated[Principal, allowed(Operation.TASK_COMPLETE)]
) -> Any:
    """By its role, or a supervisor; the case goes on with the result."""
    task = await use.write(
        lambda conn: casework.complete_task(conn, str(task_id), who, result=body.result, comment=body.comment)
    )
    use.woke(str(task["case_id"]))
    return task
