"""Jobs over HTTP: what is refused before any worker sees it, and the progress of a sweep."""

from __future__ import annotations

import pytest

from tests.integration.api.test_cases import ensure
from workflow_orchestration.store import cases


@pytest.fixture(scope="module")
def airflow(live):
    return live.client("airflow", "airflow")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"job": "sweep", "market": "XETR", "moment": "T-2", "day": "2026-11-23"}, "input.sweep.moment"),
        ({"job": "nothing"}, "input"),
        ({}, "input"),
        ({"job": "incident", "about": 1.5}, "input.incident.about"),
    ],
)
def test_a_job_that_cannot_be_done_is_refused_when_it_is_asked_for(airflow, given, field):
    refused = ensure(airflow, "jobs/wrong", workflow="job", input=given, desk="rates")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == field


def _swept(airflow, live, key):
    """A sweep that opened two groups, as its worker would have left it."""
    sweep = {"job": "sweep", "market": "XETR", "moment": "SD", "day": "2026-11-24"}
    case_id = ensure(airflow, key, workflow="job", input=sweep, desk="rates").json()["id"]

    async def open_groups(conn):
        made = []
        for desk in ("rates", "equities"):
            new = cases.NewCase(
                workflow="group", key=f"{key}/{desk}", desk=desk, requester="airflow", input={"lines": [{}, {}]},
                account="SAFE-0001", title="2 settlements",
            )  # fmt: skip
            made.append(str((await cases.open_case(conn, new, {"type": "service", "id": "t", "roles": []}))[0]["id"]))
        await cases.update(conn, case_id, findings={"job": {"looked_at": 7, "groups": made}})

    live.store(open_groups)
    return case_id


def test_the_progress_of_a_sweep_counts_all_groups_and_lists_those_of_ones_desks(airflow, live):
    case_id = _swept(airflow, live, "jobs/swept")
    rates = live.client("rita", "ops_analyst", desks="rates").get(f"/v1/cases/{case_id}/progress").json()
    assert (rates["looked_at"], rates["groups"], rates["groups_open"], rates["instructions"]) == (7, 2, 2, 4)
    assert [item["desk"] for item in rates["items"]] == ["rates"]
    everybody = airflow.get(f"/v1/cases/{case_id}/progress").json()
    assert len(everybody["items"]) == 2


def test_the_progress_of_another_desks_sweep_and_of_what_is_no_sweep_is_not_found(airflow, live):
    case_id = _swept(airflow, live, "jobs/hidden")
    other = live.client("emil", "ops_analyst", desks="equities")
    assert other.get(f"/v1/cases/{case_id}/progress").status_code == 404
    plain = ensure(airflow, "jobs/plain", desk="rates").json()["id"]
    assert airflow.get(f"/v1/cases/{plain}/progress").status_code == 404
