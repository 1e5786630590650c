"""What every DAG of a trading day has in common: whose work it is, which markets there are, and how it fails.

Set by the chart's `env`: TRADING_MARKETS (market of the book to its time zone), TRADING_DESKS, OPERATIONS_DESK,
RETRY_SECONDS (before the first retry; each further one waits twice as long).
"""

from __future__ import annotations

import json
import os
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from workflow_orchestration_provider.incident import OpenIncident

MARKETS: dict[str, str] = json.loads(os.environ.get("TRADING_MARKETS", '{"XETR": "Europe/Berlin"}'))
DESKS: list[str] = json.loads(os.environ.get("TRADING_DESKS", '["rates", "equities"]'))
#: Desk of what concerns no market and no book: incidents, the jobs themselves.
OPERATIONS = os.environ.get("OPERATIONS_DESK", "operations")


def local_day(dag_run: Any, zone: str) -> str:
    """The day that a run is about, where its market is: `{"day": "2026-11-24"}` of the one who started it by hand
    goes first, so that a missed day can be caught up on any other."""
    named = (dag_run.conf or {}).get("day")
    if named:
        return date.fromisoformat(named).isoformat()
    moment: datetime = dag_run.logical_date or dag_run.run_after
    return moment.astimezone(ZoneInfo(zone)).date().isoformat()


def rules(*, limit: timedelta) -> dict[str, Any]:
    """Arguments of every DAG. After an outage Airflow starts the latest missed run by itself and no older one: those a
    person catches up, with a backfill or a run with `day`. `limit`: after it the run fails and operations hears of it.
    """
    return {
        "catchup": False,
        "max_active_runs": 1,
        "dagrun_timeout": limit,
        "user_defined_macros": {"local_day": local_day},
        "default_args": {
            "retries": 2,
            "retry_delay": timedelta(seconds=float(os.environ.get("RETRY_SECONDS", "60"))),
            "retry_exponential_backoff": True,
            "on_failure_callback": OpenIncident(desk=OPERATIONS),
        },
        "tags": ["trading-day"],
    }
