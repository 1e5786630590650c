"""What retry, clear, mark and crash do to a case: the whole table, with a real Airflow and a real platform."""

from __future__ import annotations

from typing import Any

import pytest

from ci.airflow.processes import Airflow
from tests.airflow.site import Platform, until
from workflow_orchestration.store import cases, lifecycle, threads
from workflow_orchestration.store.db import Conn


def _said(airflow: Airflow, *words: str) -> bool:
    """Whether a line of a log of Airflow's has all these words."""
    lines = (line for file in airflow.folder.rglob("*.log*") for line in file.read_text(errors="replace").splitlines())
    return any(all(word in line for word in words) for line in lines)


@pytest.fixture
def started(airflow: Airflow, platform: Platform, request: pytest.FixtureRequest) -> Any:
    """`started(dag)` starts a run of it and waits until its trigger runs; returns run (its key too) and case."""

    def start(dag: str) -> tuple[str, dict[str, Any]]:
        key = request.node.name
        airflow.unpause(dag)
        airflow.trigger(dag, key, key=key)
        airflow.until_task(dag, key, "case", "deferred")
        # a task that is marked failed before this has no trigger yet whose on_kill Airflow could call
        until(lambda: _said(airflow, f"trigger {dag}/{key}/", "starting"), "its trigger")
        case = platform.by_key(key)
        assert case is not None
        return key, case

    return start


def test_people_decide_and_the_task_succeeds(airflow: Airflow, platform: Platform) -> None:
    case_id = platform.post_sample("mt548-nmat-dmon-WO-1002")
    key = platform.case(case_id)["key"]
    airflow.unpause("waits")
    airflow.trigger("waits", "decided", key=key)
    airflow.until_task("waits", "decided", "case", "deferred")
    platform.approve(case_id, "ann", "ben")
    until(lambda: platform.case(case_id)["effects"], "the cancellation")
    platform.post_sample("mt548-cand-WO-1002")
    until(lambda: len(platform.case(case_id)["effects"]) == 2, "the replacement")
    platform.post_sample("mt548-mach-WO-1001", WO_1001="WO-1002-R1")
    airflow.until_run("waits", "decided", "success")
    assert airflow.xcom("waits", "decided", "case") == case_id
    assert airflow.xcom("waits", "decided", "case", "case_page") == f"{platform.url}/cases/{case_id}"


def test_clear_while_it_waits_keeps_the_case_and_changes_its_owner(
    airflow: Airflow, platform: Platform, started: Any
) -> None:
    run, case = started("waits")
    airflow.clear("waits", run, "case")
    until(lambda: platform.case(case["id"])["owner"] != case["owner"], "a new owner", seconds=60)
    airflow.until_task("waits", run, "case", "deferred")
    until(lambda: _said(airflow, "case left alone", case["id"]), "the old trigger's cancel was refused", seconds=40)
    platform.complete_task(case["id"])
    airflow.until_run("waits", run, "success")
    assert len(platform.case(case["id"])["threads"]) == 1


def test_mark_failed_cancels_the_case_and_a_clear_restarts_it(
    airflow: Airflow, platform: Platform, started: Any
) -> None:
    run, case = started("waits")
    airflow.call("PATCH", f"/dags/waits/dagRuns/{run}/taskInstances/case", json={"new_state": "failed"})
    until(lambda: platform.case(case["id"])["status"] == "cancelled", "the case cancelled", seconds=40)
    airflow.clear("waits", run, "case")
    until(lambda: platform.case(case["id"])["status"] == "open", "the case restarted", seconds=60)
    assert [t["n"] for t in platform.case(case["id"])["threads"]] == [1, 2]
    platform.complete_task(case["id"])
    airflow.until_run("waits", run, "success")


def test_a_worker_that_dies_before_it_deferred_finds_its_case_again(
    airflow: Airflow, platform: Platform, started: Any
) -> None:
    run, case = started("dies")
    assert airflow.task("dies", run, "case")["try_number"] == 2
    platform.complete_task(case["id"])
    airflow.until_run("dies", run, "success")
    assert len(platform.case(case["id"])["threads"]) == 1
    assert len([c for c in platform.cases() if c["key"] == run]) == 1


def test_a_failed_case_is_restarted_by_the_automatic_retry(airflow: Airflow, platform: Platform, started: Any) -> None:
    run, case = started("tries_again")
    platform.store(lambda conn: _fail(conn, case["id"]))
    until(lambda: len(platform.case(case["id"])["threads"]) == 2, "its second thread", seconds=60)
    platform.complete_task(case["id"])
    airflow.until_run("tries_again", run, "success")
    assert airflow.task("tries_again", run, "case")["try_number"] == 2


async def _fail(conn: Conn, case_id: str) -> None:
    """What five dead claims do (worker/runs.py)."""
    thread = await threads.lock(conn, str((await cases.current_thread(conn, case_id))["id"]))
    await lifecycle.end(conn, case_id, str(thread["id"]), "failed", {"type": "service", "id": "test", "roles": []})


def test_clear_after_success_gives_the_result_it_had(airflow: Airflow, platform: Platform, started: Any) -> None:
    run, case = started("waits")
    platform.complete_task(case["id"])
    airflow.until_run("waits", run, "success")
    airflow.clear("waits", run, "case")
    airflow.until(lambda: airflow.run_state("waits", run) != "success", "the run anew", seconds=20)
    airflow.until_run("waits", run, "success")
    assert airflow.xcom("waits", run, "case") == case["id"]
    assert len(platform.case(case["id"])["threads"]) == 1


def test_a_triggerer_that_restarts_goes_on_waiting(airflow: Airflow, platform: Platform, started: Any) -> None:
    run, case = started("waits")
    airflow.stop("triggerer")
    platform.complete_task(case["id"])
    until(lambda: platform.case(case["id"])["status"] == "resolved", "the case resolved")
    airflow.start("triggerer")
    airflow.until_run("waits", run, "success", seconds=120)


def test_a_deadline_is_the_platforms_and_ends_the_task_for_good(
    airflow: Airflow, platform: Platform, started: Any
) -> None:
    run, case = started("expires")
    airflow.until_run("expires", run, "failed")
    assert platform.case(case["id"])["status"] == "expired"
    assert airflow.task("expires", run, "case")["try_number"] == 1


def test_mark_the_run_failed_cancels_the_case(airflow: Airflow, platform: Platform, started: Any) -> None:
    run, case = started("waits")
    airflow.call("PATCH", f"/dags/waits/dagRuns/{run}", json={"state": "failed"})
    until(lambda: platform.case(case["id"])["status"] == "cancelled", "the case cancelled", seconds=40)


def test_an_outage_of_the_platform_is_waited_out(airflow: Airflow, platform: Platform, started: Any) -> None:
    run, case = started("waits")
    platform.stop("api")
    assert not _ends_within(airflow, run, 12)
    platform.start("api")
    until(platform.ready, "the API again", seconds=60)
    platform.complete_task(case["id"])
    airflow.until_run("waits", run, "success")


def _ends_within(airflow: Airflow, run: str, seconds: float) -> bool:
    try:
        airflow.until_task("waits", run, "case", "failed", "success", "up_for_retry", seconds=seconds)
    except AssertionError:
        return False
    return True
