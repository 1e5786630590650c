"""A failed task tells operations, once a try, whatever its names are."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from workflow_orchestration_provider.hook import fitting
from workflow_orchestration_provider.incident import OpenIncident


def failed(**changes: Any) -> dict[str, Any]:
    given = {"id": "ti-1", "dag_id": "book_load", "run_id": "r", "task_id": "t", "map_index": -1, "try_number": 3}
    return {"ti": SimpleNamespace(**{**given, **changes}), "exception": ValueError("no manifest")}


@pytest.fixture
def asked(api: Any) -> Any:
    """Bodies of what was asked for."""
    api.answers = [httpx.Response(202, json={"id": "c"})]
    return lambda: [json.loads(request.content) for request in api.asked]


def test_a_try_is_told_under_one_key_and_the_next_failure_under_another(asked: Any) -> None:
    for try_number in (3, 3, 4):
        OpenIncident(desk="operations").notify(failed(try_number=try_number))  # type: ignore[arg-type]
    first, again, later = (body["key"] for body in asked())
    assert first == again == "airflow-failure/book_load/r/t/-1/3"
    assert later != first


def test_it_says_what_failed_and_how_within_what_the_platform_takes(asked: Any) -> None:
    OpenIncident(desk="operations").notify(failed(exception=None) | {"exception": ValueError("x" * 5000)})  # type: ignore[arg-type]
    [body] = asked()
    assert (body["workflow"], body["desk"], body["input"]["job"]) == ("job", "operations", "incident")
    assert body["input"]["about"].startswith("Airflow: book_load/r/t/-1 failed: xxx")
    assert len(body["input"]["about"]) <= 1000


def test_long_names_make_a_key_that_fits_and_two_of_them_two(asked: Any) -> None:
    keys = {fitting(f"airflow/{'d' * 250}/{n}/task/-1") for n in range(3)}
    assert len(keys) == 3
    assert {len(key) for key in keys} == {200}
    assert fitting("k" * 200) == "k" * 200
