"""What is measured: an operator that does nothing, ours that starts a case, and many tasks that wait."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, BaseOperator, Context, task
from workflow_orchestration_provider.operator import StartCaseOperator


class NothingOperator(BaseOperator):
    """Airflow's own EmptyOperator is never run at all: the scheduler marks it done. This one goes all the way."""

    def execute(self, context: Context) -> Any:
        return None


with DAG("nothing", schedule=None):
    NothingOperator(task_id="task")

with DAG("starts", schedule=None):
    StartCaseOperator(task_id="task", workflow="settlement", key="bench/{{ run_id }}", desk="rates", wait_for_end=False)

with DAG("waits", schedule=None):

    @task
    def keys(dag_run: Any = None) -> list[str]:
        return [f"bench/wait/{n}" for n in range(dag_run.conf["cases"])]

    StartCaseOperator.partial(task_id="case", workflow="settlement", desk="rates").expand(key=keys())
