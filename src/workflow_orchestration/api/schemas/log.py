"""The log as people and programs read it."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from workflow_orchestration.api.schemas.common import Object, View


class LogEntry(View):
    stream: str = Field(description="The case's id, or `system`.")
    seq: int = Field(description="Number in its stream, without gaps; also the event's id.")
    at: str = Field(description="UTC, as hashed.", json_schema_extra={"format": "date-time"})
    actor: Object = Field(description="Who: type, id and roles, from the verified token.")
    type: str = Field(examples=["case.opened", "approval.decided"])
    data: Object
    run_id: UUID | None = Field(None, description="The run, task, epoch and number of a node's entry.")
    task_id: str | None = None
    epoch: int | None = None
    n: int | None = None
    prev: str = Field(description="Hash of the entry before; empty for the first.")
    hash: str
    superseded: bool = Field(False, description="A node that ran again after a crash said this under an older epoch.")


class LogPage(View):
    items: list[LogEntry]
    next: int | None = Field(None, description="Send as `after` for the next page; null at the end.")


class LogFinding(View):
    kind: str = Field(examples=["changed", "deleted", "truncated", "rewritten", "unchained"])
    stream: str
    seq: int
    detail: str


class LogReport(View):
    valid: bool
    streams: int
    entries: int
    anchors: int = Field(description="Anchored heads that were compared; without any, a whole rewrite goes unseen.")
    findings: list[LogFinding]
