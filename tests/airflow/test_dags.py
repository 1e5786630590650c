"""The DAGs of a trading day, run by a real Airflow against a real platform."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from ci.airflow.processes import Airflow
from tests.airflow.conftest import Folders
from tests.airflow.site import Platform, until

#: The sample book's settlements are due on this Tuesday.
EVE, DAY = "2026-11-23", "2026-11-24"


def run(airflow: Airflow, dag: str, name: str, state: str = "success", **conf: Any) -> None:
    airflow.unpause(dag)
    airflow.trigger(dag, name, **conf)
    airflow.until_run(dag, name, state)


def groups(platform: Platform) -> list[str]:
    return sorted(c["key"] for c in platform.cases(workflow="group"))


def incident(platform: Platform, dag: str, name: str) -> dict[str, Any] | None:
    found = [c for c in platform.cases(workflow="job") if c["key"].startswith(f"airflow-failure/{dag}/{name}/")]
    return platform.case(found[0]["id"]) if found else None


def test_no_dag_of_the_image_fails_to_import(airflow: Airflow) -> None:
    ours = {"unsettled_sweep_xetr_eve", "unsettled_sweep_xetr_morning", "penalty_report", "retention", "book_load",
            "backup_check", "platform_health", "model_benchmark"}  # fmt: skip
    known = until(
        lambda: ours <= (ids := {d["dag_id"] for d in airflow.call("GET", "/dags")["dags"]}) and ids, "all DAGs"
    )
    assert ours <= known
    assert airflow.call("GET", "/importErrors")["import_errors"] == []


def test_the_sweep_of_an_evening_opens_the_groups_of_the_next_business_day_once(
    airflow: Airflow, platform: Platform
) -> None:
    run(airflow, "unsettled_sweep_xetr_eve", "first", day=EVE)
    found = [key for key in groups(platform) if "/T-1/" in key]
    assert found
    assert all(key.startswith(f"XETR/{DAY}/T-1/SAFE-") for key in found)
    run(airflow, "unsettled_sweep_xetr_eve", "again", day=EVE)
    assert [key for key in groups(platform) if "/T-1/" in key] == found


def test_a_missed_day_is_caught_up_on_purpose_and_only_then(airflow: Airflow, platform: Platform) -> None:
    dag = "unsettled_sweep_xetr_morning"
    airflow.unpause(dag)
    assert [r for r in _runs(airflow, dag) if _day(r) < date.today() - timedelta(days=4)] == []
    span = {"from_date": "2026-10-05T00:00:00Z", "to_date": "2026-10-06T23:00:00Z"}
    airflow.call("POST", "/backfills", json={"dag_id": dag, **span, "reprocess_behavior": "none", "max_active_runs": 1})
    for day in ("2026-10-05", "2026-10-06"):
        key = f"sweep/XETR/SD/{day}"
        until(lambda k=key: (c := platform.by_key(k)) and c["status"] == "resolved", key, seconds=90)
    caught_up = {str(_day(r)) for r in _runs(airflow, dag) if _day(r) < date(2026, 11, 1)}
    assert caught_up == {"2026-10-05", "2026-10-06"}


def _runs(airflow: Airflow, dag: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = airflow.call("GET", f"/dags/{dag}/dagRuns")["dag_runs"]
    return found


def _day(run: dict[str, Any]) -> date:
    return datetime.fromisoformat(run["logical_date"] or run["run_after"]).date()


@pytest.mark.parametrize("dag", ["retention", "platform_health", "model_benchmark"])
def test_a_job_without_findings_ends_by_itself(airflow: Airflow, dag: str) -> None:
    run(airflow, dag, "plain")


def test_the_penalty_report_is_of_last_month_and_one_for_each_desk(airflow: Airflow, platform: Platform) -> None:
    run(airflow, "penalty_report", "january", day="2026-01-02")
    reports = {c["key"]: c["desk"] for c in platform.cases(workflow="job") if c["key"].endswith("/2025-12")}
    assert reports == {"penalty-report/rates/2025-12": "rates", "penalty-report/equities/2025-12": "equities"}


# -- the book ---------------------------------------------------------------------------------------------------------


def _put_book(folder: Path, day: str, rows: list[dict[str, Any]], *, said: int | None = None) -> None:
    content = json.dumps(rows).encode()
    (folder / day).mkdir()
    (folder / day / "fx.json").write_bytes(content)
    manifest = {"fx": {"rows": len(rows) if said is None else said, "sha256": hashlib.sha256(content).hexdigest()}}
    (folder / day / "manifest.json").write_text(json.dumps(manifest))


def test_the_book_is_loaded_and_loading_it_again_changes_nothing(
    airflow: Airflow, platform: Platform, folders: Folders
) -> None:
    _put_book(folders.book, "2026-11-02", [{"ccy": "PLN", "eur": "0.23"}])
    for name in ("first", "again"):
        run(airflow, "book_load", f"load-{name}", day="2026-11-02")
    row = platform.call("olga", "operator", "GET", "/v1/book/fx/PLN")
    assert (row["data"]["eur"], row["version"], row["recorded_by"]) == ("0.23", 1, "airflow")


def test_a_book_that_is_not_what_its_manifest_says_is_not_loaded_and_operations_hears_of_it(
    airflow: Airflow, platform: Platform, folders: Folders
) -> None:
    _put_book(folders.book, "2026-11-03", [{"ccy": "HUF", "eur": "0.0025"}], said=2)
    run(airflow, "book_load", "damaged", "failed", day="2026-11-03")
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        platform.call("olga", "operator", "GET", "/v1/book/fx/HUF")
    found = until(lambda: incident(platform, "book_load", "damaged"), "an incident")
    [task] = until(lambda: platform.case(found["id"])["tasks"], "its task")
    assert "the manifest says" in task["text"]
    assert found["desk"] == "operations"


# -- backups ----------------------------------------------------------------------------------------------------------


def _dump(folder: Path, name: str, age: timedelta, content: bytes = b"PGDMP...") -> None:
    (folder / f"{name}-{datetime.now(UTC) - age:%Y%m%dT%H%M%SZ}.dump").write_bytes(content)


def test_a_backup_of_last_night_is_enough_and_an_old_one_is_an_incident(
    airflow: Airflow, platform: Platform, folders: Folders
) -> None:
    _dump(folders.backup, "wo", timedelta(hours=5))
    run(airflow, "backup_check", "fresh")
    _dump(folders.backup, "wo_airflow", timedelta(hours=30))
    run(airflow, "backup_check", "old", "failed")
    found = until(lambda: incident(platform, "backup_check", "old"), "an incident")
    [task] = until(lambda: platform.case(found["id"])["tasks"], "its task")
    assert "30 hours old" in task["text"]
    assert "wo_airflow" in task["text"]
