from __future__ import annotations

from datetime import datetime

from pydantic import Field

from workflow_orchestration.api.schemas.common import Body, Object, View


class BookLoad(Body):
    rows: list[Object] = Field(min_length=1, max_length=10_000, description="Rows of this kind; all or none are taken.")


class BookLoaded(View):
    kind: str
    new: int
    changed: int
    unchanged: int


class BookRow(View):
    kind: str
    key: str
    version: int
    data: Object
    recorded_by: str
    recorded_at: datetime


class BookKind(View):
    kind: str
    about: str
    fields: list[str]


class BookKinds(View):
    items: list[BookKind]
