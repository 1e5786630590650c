"""Unsettled trades, swept twice for each settlement day of each market: on the evening before, and in its morning.

The platform knows the market's calendar: on a day without settlement the sweep ends at once, and the evening before a
holiday looks at the day after it. Each sweep opens one case for each group of exceptions.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronTriggerTimetable
from trading_day import MARKETS, OPERATIONS, rules
from workflow_orchestration_provider.operator import StartCaseOperator

#: Name, what the platform calls the moment, and when it is, in the market's own time.
MOMENTS = (("eve", "T-1", "0 18 * * MON-FRI"), ("morning", "SD", "0 7 * * MON-FRI"))

for market, zone in MARKETS.items():
    for name, moment, clock in MOMENTS:
        day = f"{{{{ local_day(dag_run, '{zone}') }}}}"
        with DAG(
            f"unsettled_sweep_{market.lower()}_{name}",
            schedule=CronTriggerTimetable(clock, timezone=zone),
            start_date=datetime(2026, 1, 1, tzinfo=UTC),
            **rules(limit=timedelta(hours=3)),
        ):
            StartCaseOperator(
                task_id="sweep",
                workflow="job",
                key=f"sweep/{market}/{moment}/{day}",
                input={"job": "sweep", "market": market, "moment": moment, "day": day},
                desk=OPERATIONS,
                expires_in=timedelta(hours=2),
            )
