"""DAGs of the tests: one task each, started by hand, with what the test says in `conf`."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG
from workflow_orchestration_provider.operator import StartCaseOperator

SECOND = timedelta(seconds=1)


class DyingOnce(StartCaseOperator):
    """The worker dies after the case was opened and before the task could defer, on the first try only."""

    def defer(self, **kwargs: Any) -> Any:
        mark = Path(os.environ["AIRFLOW_HOME"]) / "died-once"
        if not mark.exists():
            mark.touch()
            os._exit(137)
        super().defer(**kwargs)


def wait(kind: type[StartCaseOperator], dag: str, *, retries: int = 0, **how: Any) -> None:
    with DAG(dag, schedule=None, default_args={"retries": retries, "retry_delay": SECOND}):
        kind(task_id="case", workflow="settlement", key="{{ dag_run.conf['key'] }}", desk="equities", **how)


wait(StartCaseOperator, "waits")
wait(StartCaseOperator, "tries_again", retries=1)
wait(DyingOnce, "dies", retries=2)
wait(StartCaseOperator, "expires", expires_in=5 * SECOND, retries=2)
wait(StartCaseOperator, "starts_only", wait_for_end=False)
