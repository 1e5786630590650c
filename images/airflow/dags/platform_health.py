"""Can a task's pod reach the platform, and is it ready? Asked hourly: a closed way shows before it matters."""

from __future__ import annotations

import os
import urllib.request
from datetime import UTC, datetime, timedelta

from airflow.sdk import dag, task


@dag(schedule="@hourly", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False, max_active_runs=1,
     dagrun_timeout=timedelta(minutes=30), tags=["platform"])  # fmt: skip
def platform_health() -> None:
    @task(retries=2, retry_delay=timedelta(seconds=30))
    def ask() -> str:
        url = os.environ["API_URL"] + "/ready"
        # an answer that is not 2xx raises, and the task fails with its status
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - the chart's own http address
            return f"{url}: {answer.status}"

    ask()


platform_health()
