"""Start a case and wait for its end, holding neither a worker nor a pod."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from workflow_orchestration_provider.hook import DEFAULT_CONNECTION, PlatformError, PlatformHook
from workflow_orchestration_provider.link import PAGE, CaseLink
from workflow_orchestration_provider.trigger import CaseTrigger

#: Of each try the same: a try after a crash finds the case that the crashed one opened.
STABLE_KEY = "airflow/{{ dag.dag_id }}/{{ run_id }}/{{ task.task_id }}/{{ ti.map_index }}"
#: Ends after which a new try starts the case again; a "no" of people is never asked again by itself.
RESTART_ON = ("failed", "cancelled", "expired")
#: The platform ends an overdue case itself; Airflow's own timeout only guards against a platform that cannot.
_MARGIN = timedelta(minutes=10)


class StartCaseOperator(BaseOperator):
    """Ensures one case for its key, becomes its owner, defers until it ends.

    Succeeds with the case's id when it is resolved. A failed case fails the try (its next one restarts the case);
    one that people rejected, or that was cancelled or expired, fails the task for good.

    :param workflow: the platform's workflow, e.g. ``settlement``.
    :param key: stable key; by default this task of this DAG run. Give a business key where one exists.
    :param input: what the workflow starts with; templated.
    :param desk: whose case it is; needed when the connection's identity has several desks.
    :param restart_on: ends after which the next try starts the case's next thread.
    :param expires_in: from the start of the case; then the platform ends it and withdraws what it asked of people.
    :param wait_for_end: False: only start it; the task succeeds at once.
    :param conn_id: Airflow connection of type ``workflow-orchestration``.
    """

    template_fields: Sequence[str] = ("workflow", "key", "input", "desk")
    template_fields_renderers = {"input": "json"}
    operator_extra_links = (CaseLink(),)
    ui_color = "#e8f0f8"

    def __init__(
        self,
        *,
        workflow: str,
        key: str = STABLE_KEY,
        input: dict[str, Any] | None = None,  # noqa: A002 - the API's name for it
        desk: str | None = None,
        restart_on: Sequence[str] = RESTART_ON,
        expires_in: timedelta | None = None,
        wait_for_end: bool = True,
        conn_id: str = DEFAULT_CONNECTION,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.workflow = workflow
        self.key = key
        self.input = input or {}
        self.desk = desk
        self.restart_on = tuple(restart_on)
        self.expires_in = expires_in
        self.wait_for_end = wait_for_end
        self.conn_id = conn_id

    def execute(self, context: Context) -> Any:
        ti = context["ti"]
        owner, hook = str(ti.id), PlatformHook(self.conn_id)
        case = self._ensure(hook, owner)
        case_id = str(case["id"])
        self.log.info("case %s is %s (attempt %s), status %s", case_id, case["what"], case["attempt"], case["status"])
        ti.xcom_push(PAGE, f"{hook.get_conn().pages}/cases/{case_id}")
        if case["status"] != "open":
            return self.resume(context, {"case_id": case_id, "status": case["status"]})
        if not self.wait_for_end:
            return case_id
        timeout = None if self.expires_in is None else self.expires_in + _MARGIN
        self.defer(trigger=CaseTrigger(case_id, owner, self.conn_id), method_name="resume", timeout=timeout)

    def _ensure(self, hook: PlatformHook, owner: str) -> dict[str, Any]:
        try:
            return hook.ensure(
                workflow=self.workflow,
                key=self.key,
                owner=owner,
                restart_on=self.restart_on,
                input=self.input,
                desk=self.desk,
                expires_at=None if self.expires_in is None else datetime.now(UTC) + self.expires_in,
            )
        except PlatformError as error:
            raise (AirflowFailException if error.final else AirflowException)(str(error)) from error

    def resume(self, context: Context, event: dict[str, Any]) -> str:
        """The case has ended: so does the task."""
        case_id, status = str(event["case_id"]), event["status"]
        if status == "resolved":
            return case_id
        if status == "failed":
            raise AirflowException(f"case {case_id} failed; the next try restarts it")
        again = "clear this task" if status in self.restart_on else "reopen it in the platform, then clear this task"
        raise AirflowFailException(f"case {case_id} is {status}; to have it done after all, {again}")
