"""StartCaseOperator, a call at a time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred
from workflow_orchestration_provider.operator import RESTART_ON, STABLE_KEY, StartCaseOperator


class Ti:
    """What the operator asks of a task instance."""

    id = "ti-1"

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


def answer(status: str = "open", what: str = "created", code: int = 202) -> httpx.Response:
    return httpx.Response(code, json={"id": "case-1", "status": status, "what": what, "attempt": 1})


def start(**how: Any) -> tuple[StartCaseOperator, dict[str, Any]]:
    return StartCaseOperator(task_id="t", workflow="settlement", **how), {"ti": Ti()}


def test_each_try_asks_with_the_same_key_and_an_owner_of_its_own(api: Any) -> None:
    api.answers = [answer()]
    task, context = start(key="k")
    for owner in ("ti-1", "ti-2"):
        context["ti"].id = owner
        with pytest.raises(TaskDeferred) as deferred:
            task.execute(context)
        assert deferred.value.trigger.owner == owner
    asked = [json.loads(request.content) for request in api.asked]
    assert [(a["key"], a["owner"]) for a in asked] == [("k", "ti-1"), ("k", "ti-2")]
    assert asked[0]["restart_on"] == list(RESTART_ON)


def test_the_default_key_names_dag_run_task_and_map_index_and_no_try() -> None:
    assert STABLE_KEY == "airflow/{{ dag.dag_id }}/{{ run_id }}/{{ task.task_id }}/{{ ti.map_index }}"
    assert "key" in StartCaseOperator.template_fields


def test_the_page_of_the_case_is_known_before_the_wait(api: Any) -> None:
    api.answers = [answer()]
    task, context = start(key="k")
    with pytest.raises(TaskDeferred):
        task.execute(context)
    assert context["ti"].pushed == {"case_page": "http://platform:8000/cases/case-1"}


def test_a_case_that_ended_well_before_is_the_result_at_once(api: Any) -> None:
    api.answers = [answer("resolved", "attached", 200)]
    task, context = start(key="k")
    assert task.execute(context) == "case-1"


def test_without_waiting_the_task_succeeds_as_soon_as_the_case_is_there(api: Any) -> None:
    api.answers = [answer()]
    task, context = start(key="k", wait_for_end=False)
    assert task.execute(context) == "case-1"


def test_the_deadline_is_sent_to_the_platform_and_airflows_own_lies_behind_it(api: Any) -> None:
    api.answers = [answer()]
    task, context = start(key="k", expires_in=timedelta(hours=1))
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(context)
    sent = datetime.fromisoformat(json.loads(api.asked[0].content)["expires_at"])
    assert timedelta(minutes=59) < sent - datetime.now(UTC) <= timedelta(hours=1)
    assert deferred.value.timeout > timedelta(hours=1)


@pytest.mark.parametrize(
    ("status", "kind"),
    [("failed", AirflowException), ("rejected", AirflowFailException), ("cancelled", AirflowFailException),
     ("expired", AirflowFailException), ("missing", AirflowFailException)],
)  # fmt: skip
def test_only_a_failed_case_is_tried_again_a_no_of_people_never(status: str, kind: type[Exception]) -> None:
    task, context = start(key="k")
    with pytest.raises(AirflowException) as ended:
        task.resume(context, {"case_id": "case-1", "status": status})
    assert type(ended.value) is kind


@pytest.mark.parametrize(
    ("answered", "kind"),
    [(httpx.Response(422, json={"title": "wrong"}), AirflowFailException), (httpx.Response(503), AirflowException),
     (httpx.ConnectError("refused"), AirflowException)],
)  # fmt: skip
def test_a_wrong_request_fails_for_good_and_an_outage_is_tried_again(api: Any, answered: Any, kind: type) -> None:
    api.answers = [answered]
    task, context = start(key="k")
    with pytest.raises(AirflowException) as refused:
        task.execute(context)
    assert type(refused.value) is kind
