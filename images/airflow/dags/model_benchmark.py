"""Every night: does the model answer, rightly, and how fast? Asked by the platform, through the gateway that cases use.

No task of Airflow may reach the model server itself. Where no model is configured the job ends at once.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronTriggerTimetable
from trading_day import OPERATIONS, rules
from workflow_orchestration_provider.operator import StartCaseOperator

#: Seconds that one answer may take before a supervisor looks.
MOST_SECONDS = int(os.environ.get("MODEL_MOST_SECONDS", "20"))

with DAG(
    "model_benchmark",
    schedule=CronTriggerTimetable("0 3 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    **rules(limit=timedelta(hours=20)),
):
    StartCaseOperator(
        task_id="model_benchmark",
        workflow="job",
        key="model-benchmark/{{ local_day(dag_run, 'UTC') }}",
        input={"job": "model_benchmark", "most_seconds": MOST_SECONDS},
        desk=OPERATIONS,
        expires_in=timedelta(hours=18),
    )
