"""The whole way at once: a task opens a case, waits while people decide, and ends as the case does.

Nothing schedules it: `helm test` runs it where the chart's `canary` says so, a person whenever proof is wanted. What
the case is comes with the run, as POST /v1/cases:ensure takes it: workflow, desk, input, and a key where one exists
already; a run without that is a task for a person of operations.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG
from trading_day import OPERATIONS, rules
from workflow_orchestration_provider.operator import StartCaseOperator

PLAIN = {"job": "incident", "about": "A canary from Airflow: complete this task, there is nothing else to do."}

with DAG(
    "canary",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    is_paused_upon_creation=False,
    # an input is an object, not its text
    render_template_as_native_obj=True,
    **rules(limit=timedelta(hours=1)),
):
    StartCaseOperator(
        task_id="case",
        workflow="{{ dag_run.conf.get('workflow', 'job') }}",
        key="{{ dag_run.conf.get('key') or 'canary/' ~ run_id }}",
        input="{{ dag_run.conf.get('input') or params.plain }}",
        desk=f"{{{{ dag_run.conf.get('desk') or '{OPERATIONS}' }}}}",
        params={"plain": PLAIN},
        expires_in=timedelta(minutes=45),
    )
