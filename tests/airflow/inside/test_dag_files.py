"""The image's DAG files: imported as the dag-processor does it, with every switch on and with none."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow._shared.timezones import timezone
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.encoders import coerce_to_core_timetable

DAGS = Path(os.environ["IMAGE_DAGS"])
#: Seconds that one file may take to import, once Airflow itself is.
MOST = 2.0
FILES = sorted(p for p in DAGS.glob("*.py"))


@pytest.fixture(scope="module")
def bag() -> DagBag:
    sys.path.insert(0, str(DAGS))
    os.environ |= {"BOOK_FOLDER": "/book", "BACKUP_FOLDER": "/backup"}
    return DagBag(dag_folder=DAGS, bundle_path=DAGS)


def test_every_file_imports_in_time(bag: DagBag) -> None:
    assert bag.import_errors == {}
    slow = [(s.file, s.duration) for s in bag.dagbag_stats if s.duration.total_seconds() > MOST]
    assert slow == []
    assert len(bag.dagbag_stats) >= 6


def test_no_dag_starts_all_it_missed_and_each_run_has_an_end(bag: DagBag) -> None:
    for dag in bag.dags.values():
        assert (dag.catchup, dag.max_active_runs) == (False, 1), dag.dag_id
        assert dag.dagrun_timeout is not None, dag.dag_id


def test_every_task_of_a_trading_day_tells_operations_when_it_fails(bag: DagBag) -> None:
    for dag in bag.dags.values():
        if "trading-day" in dag.tags:
            silent = [task.task_id for task in dag.tasks if not task.on_failure_callback]
            assert silent == [], dag.dag_id


def test_a_dag_whose_folder_is_not_set_does_not_exist() -> None:
    env = {k: v for k, v in os.environ.items() if k not in ("BOOK_FOLDER", "BACKUP_FOLDER")}
    listed = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from airflow.dag_processing.dagbag import DagBag;"
        "print(sorted(DagBag(dag_folder=sys.argv[1], bundle_path=sys.argv[1]).dags))"
    )
    done = subprocess.run(
        [sys.executable, "-c", listed, str(DAGS)], env=env, check=True, capture_output=True, text=True
    )
    assert "unsettled_sweep_xetr_eve" in done.stdout
    assert "book_load" not in done.stdout
    assert "backup_check" not in done.stdout


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        (datetime(2026, 3, 29, 22, 30, tzinfo=UTC), "Europe/Berlin", "2026-03-30"),  # summer time began that morning
        (datetime(2026, 3, 28, 22, 30, tzinfo=UTC), "Europe/Berlin", "2026-03-28"),
        (datetime(2026, 11, 23, 22, 0, tzinfo=UTC), "Asia/Tokyo", "2026-11-24"),
        (datetime(2026, 11, 24, 3, 0, tzinfo=UTC), "America/New_York", "2026-11-23"),
    ],
)
def test_the_day_of_a_run_is_its_markets_own(bag: DagBag, moment: datetime, zone: str, day: str) -> None:
    from trading_day import local_day

    run = SimpleNamespace(conf={}, logical_date=moment, run_after=moment)
    assert local_day(run, zone) == day


def test_a_day_that_is_named_wins_and_one_that_is_none_is_refused(bag: DagBag) -> None:
    from trading_day import local_day

    run = SimpleNamespace(conf={"day": "2026-01-02"}, logical_date=None, run_after=datetime.now(UTC))
    assert local_day(run, "UTC") == "2026-01-02"
    run.conf = {"day": "yesterday"}
    with pytest.raises(ValueError, match="yesterday"):
        local_day(run, "UTC")


def test_sweeps_start_at_the_markets_own_clock_on_both_sides_of_summer_time(bag: DagBag) -> None:
    timetable = coerce_to_core_timetable(bag.dags["unsettled_sweep_xetr_eve"].timetable)
    nights = [timezone.datetime(2026, month, 10) for month in (1, 7)]
    assert [timetable._get_next(night).hour for night in nights] == [17, 16]  # UTC: 18:00 in Berlin
