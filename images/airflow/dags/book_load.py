"""Each business morning: the day's book, checked against its manifest before a row of it is loaded.

BOOK_FOLDER holds a folder a day (2026-11-24) with `manifest.json`, {kind: {"rows": n, "sha256": hex}}, and a
`<kind>.json`, a list of rows, for each kind in it. Without BOOK_FOLDER there is no such DAG. Loading the same rows
again changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import CronTriggerTimetable, dag, task
from trading_day import MARKETS, rules
from workflow_orchestration_provider.hook import PlatformHook

FOLDER = os.environ.get("BOOK_FOLDER", "")
#: Rows that the API takes at once.
_AT_ONCE = 10_000
ZONE = next(iter(MARKETS.values()))


class DamagedError(Exception):
    """What lies there is not what the manifest says: nothing of it is loaded."""


def check(folder: Path) -> list[str]:
    """The kinds of a day, once every file is whole."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for kind, said in manifest.items():
        content = (folder / f"{kind}.json").read_bytes()
        found = {"rows": len(json.loads(content)), "sha256": hashlib.sha256(content).hexdigest()}
        if found != said:
            raise DamagedError(f"{folder}/{kind}.json: the manifest says {said}, the file has {found}")
    return sorted(manifest)


def load(folder: Path, kind: str) -> dict[str, int]:
    """Load a kind; its counts must add up to its rows."""
    rows = json.loads((folder / f"{kind}.json").read_text(encoding="utf-8"))
    counts = {"new": 0, "changed": 0, "unchanged": 0}
    for start in range(0, len(rows), _AT_ONCE):
        said: dict[str, Any] = PlatformHook().call(
            "PUT", f"/v1/book/{kind}", json={"rows": rows[start : start + _AT_ONCE]}
        )
        counts = {name: count + said[name] for name, count in counts.items()}
    if sum(counts.values()) != len(rows):
        raise DamagedError(f"{kind}: {len(rows)} rows were sent and {counts} were taken")
    return counts


@dag(
    schedule=CronTriggerTimetable("0 6 * * MON-FRI", timezone=ZONE),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    **rules(limit=timedelta(hours=2)),
)
def book_load() -> None:
    day = f"{{{{ local_day(dag_run, '{ZONE}') }}}}"

    @task
    def kinds(day: str) -> list[str]:
        return check(Path(FOLDER, day))

    @task(max_active_tis_per_dagrun=2)
    def load_kind(kind: str, day: str) -> dict[str, int]:
        return load(Path(FOLDER, day), kind)

    load_kind.partial(day=day).expand(kind=kinds(day))


if FOLDER:
    book_load()
