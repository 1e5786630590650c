"""On the second of each month: what last month's fails cost by our own figures, a report for each desk.

Where there is something to pay, a person gets a task: to hold it against the depository's report, and appeal in time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronTriggerTimetable
from trading_day import DESKS, rules
from workflow_orchestration_provider.operator import StartCaseOperator

MONTH = "{{ macros.ds_add(local_day(dag_run, 'UTC')[:8] ~ '01', -1)[:7] }}"

with DAG(
    "penalty_report",
    schedule=CronTriggerTimetable("0 6 2 * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    **rules(limit=timedelta(days=12)),
):
    for desk in DESKS:
        StartCaseOperator(
            task_id=f"report_{desk}",
            workflow="job",
            key=f"penalty-report/{desk}/{MONTH}",
            input={"job": "penalty_report", "month": MONTH},
            desk=desk,
            # an appeal is possible for some ten days
            expires_in=timedelta(days=11),
        )
