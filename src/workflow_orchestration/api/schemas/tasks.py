from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from pydantic import Field

from workflow_orchestration.api.schemas.common import Body, Comment, Object, View


class TaskView(View):
    id: UUID
    case_id: UUID
    thread_id: UUID | None = None
    desk: str
    key: str | None = None
    kind: str
    role: str = Field(description="Who is asked.")
    text: str
    state: Literal["open", "done", "cancelled"]
    result: Object | None = None
    completed_by: str | None = None
    created_at: datetime
    completed_at: datetime | None = None
    priority: Decimal | None = None
    band: str | None = None


class TaskPage(View):
    items: list[TaskView]


class TaskCompletion(Body):
    result: Object = Field({}, description="What came of it, by name.", examples=[{"answer": "booked as T-1001"}])
    comment: Comment | None = None
