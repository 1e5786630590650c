"""A failed task tells operations: a case of its own, with a task for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseNotifier, Context

from workflow_orchestration_provider.hook import DEFAULT_CONNECTION, PlatformHook


class OpenIncident(BaseNotifier):
    """For `on_failure_callback`. One case for a try that ended a task, however often Airflow tells of it."""

    template_fields: Sequence[str] = ("desk",)

    def __init__(self, *, desk: str | None = None, conn_id: str = DEFAULT_CONNECTION) -> None:
        super().__init__()
        self.desk = desk
        self.conn_id = conn_id

    def notify(self, context: Context) -> None:
        ti = context["ti"]
        place = f"{ti.dag_id}/{ti.run_id}/{ti.task_id}/{ti.map_index}"
        error: Any = context.get("exception")
        PlatformHook(self.conn_id).ensure(
            workflow="job",
            key=f"airflow-failure/{place}/{ti.try_number}",
            owner=str(ti.id),
            input={"job": "incident", "about": f"Airflow: {place} failed: {error}"[:900]},
            desk=self.desk,
        )
