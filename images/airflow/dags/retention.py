"""Every night: remove the machinery of cases that ended long ago. What people and auditors see stays for ever.

Workers prune by themselves, a little at a time; this says each day how much went and whether anything is left.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronTriggerTimetable
from trading_day import OPERATIONS, rules
from workflow_orchestration_provider.operator import StartCaseOperator

DAYS = int(os.environ.get("RETENTION_DAYS", "90"))

with DAG(
    "retention",
    schedule=CronTriggerTimetable("30 2 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    **rules(limit=timedelta(hours=3)),
):
    StartCaseOperator(
        task_id="retention",
        workflow="job",
        key="retention/{{ local_day(dag_run, 'UTC') }}",
        input={"job": "retention", "days": DAYS},
        desk=OPERATIONS,
        expires_in=timedelta(hours=2),
    )
