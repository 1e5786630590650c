"""What a book and a backup must be before anybody relies on them."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

sys.path.insert(0, os.environ["IMAGE_DAGS"])

import backup_check
import book_load

NOW = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)


def put(folder: Path, book: list[dict[str, str]], **said: Any) -> None:
    content = json.dumps(book).encode()
    (folder / "fx.json").write_bytes(content)
    right = {"rows": len(book), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps({"fx": {**right, **said}}))


def test_a_whole_book_names_its_kinds(tmp_path: Path) -> None:
    put(tmp_path, [{"ccy": "PLN", "eur": "0.23"}])
    assert book_load.check(tmp_path) == ["fx"]


@pytest.mark.parametrize("said", [{"rows": 2}, {"sha256": "0" * 64}], ids=["a row is missing", "a byte is another"])
def test_a_book_that_is_not_what_the_manifest_says_is_refused(tmp_path: Path, said: dict[str, Any]) -> None:
    put(tmp_path, [{"ccy": "PLN", "eur": "0.23"}], **said)
    with pytest.raises(book_load.DamagedError, match="the manifest says"):
        book_load.check(tmp_path)


def test_rows_that_were_sent_and_not_taken_are_noticed(tmp_path: Path, api: Any) -> None:
    put(tmp_path, [{"ccy": "PLN", "eur": "0.23"}, {"ccy": "HUF", "eur": "0.0025"}])
    api.answers = [httpx.Response(200, json={"new": 1, "changed": 0, "unchanged": 0})]
    with pytest.raises(book_load.DamagedError, match="2 rows were sent"):
        book_load.load(tmp_path, "fx")


def dump(folder: Path, name: str, age: timedelta, content: bytes = b"PGDMP and more") -> None:
    (folder / f"{name}-{NOW - age:%Y%m%dT%H%M%SZ}.dump").write_bytes(content)


def test_the_newest_dump_of_each_database_counts(tmp_path: Path) -> None:
    dump(tmp_path, "wo", timedelta(days=3))
    dump(tmp_path, "wo", timedelta(hours=2))
    dump(tmp_path, "wo_airflow", timedelta(hours=25))
    assert set(backup_check.check(tmp_path, NOW)) == {"wo", "wo_airflow"}


@pytest.mark.parametrize(
    ("age", "content", "cause"),
    [
        (timedelta(hours=27), b"PGDMP", "27 hours old"),
        (timedelta(hours=1), b"", "is no dump"),
        (timedelta(hours=1), b"<html>", "is no dump"),
    ],
)
def test_a_dump_that_is_old_or_none_is_no_backup(tmp_path: Path, age: timedelta, content: bytes, cause: str) -> None:
    dump(tmp_path, "wo", timedelta(days=2))
    dump(tmp_path, "wo", age, content)
    with pytest.raises(backup_check.NoBackupError, match=cause):
        backup_check.check(tmp_path, NOW)


def test_an_empty_folder_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(backup_check.NoBackupError, match="holds no dump"):
        backup_check.check(tmp_path, NOW)
