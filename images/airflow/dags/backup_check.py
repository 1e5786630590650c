"""Every morning: is there a backup of each database, is it of last night, can it be what it says it is?

BACKUP_FOLDER is where the dumps lie (charts/checkpoints writes <database>-<time>.dump); a task must be able to read it.
Without BACKUP_FOLDER there is no such DAG. Whether a dump restores, only a restore proves.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import CronTriggerTimetable, dag, task
from trading_day import rules

FOLDER = os.environ.get("BACKUP_FOLDER", "")
#: What PostgreSQL's custom format begins with.
_MAGIC = b"PGDMP"
_OLDEST = timedelta(hours=26)


class NoBackupError(Exception):
    """There is no backup that can be relied on."""


def check(folder: Path, now: datetime) -> dict[str, str]:
    """The newest dump of each database; NoBackupError names each that is missing, old or damaged."""
    newest: dict[str, Path] = {}
    for dump in sorted(folder.glob("*.dump")):
        newest[dump.stem.rpartition("-")[0]] = dump
    if not newest:
        raise NoBackupError(f"{folder} holds no dump")
    faults = [fault for name, dump in newest.items() if (fault := _fault(dump, now))]
    if faults:
        raise NoBackupError("; ".join(faults))
    return {name: dump.name for name, dump in newest.items()}


def _fault(dump: Path, now: datetime) -> str | None:
    taken = datetime.strptime(dump.stem.rpartition("-")[2], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if now - taken > _OLDEST:
        return f"{dump.name} is {(now - taken).total_seconds() / 3600:.0f} hours old"
    with dump.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            return f"{dump.name} is no dump"
    return None


@dag(
    schedule=CronTriggerTimetable("0 5 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    **rules(limit=timedelta(hours=1)),
)
def backup_check() -> None:
    @task
    def newest() -> dict[str, str]:
        return check(Path(FOLDER), datetime.now(UTC))

    newest()


if FOLDER:
    backup_check()
