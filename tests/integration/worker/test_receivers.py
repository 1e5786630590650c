"""The directory receiver: one file a key, whole or not there, never overwritten."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from workflow_orchestration.domain.errors import DeliveryFailed
from workflow_orchestration.worker import receivers


def effect(payload: str = ":20:X", **changes):
    return {
        "source": "0190-a",
        "step": "cancel",
        "kind": "message",
        "type": "543",
        "payload": payload,
        "receiver": "file:/nowhere",
        "tries": 0,
        **changes,
    }


def visible(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))


def test_the_same_key_twice_is_one_file_and_the_second_receipt_says_so(tmp_path):
    first, second = (receivers.to_directory(tmp_path, effect()) for _ in range(2))
    assert visible(tmp_path) == ["0190-a_cancel.fin"]
    assert (first["repeated"], second["repeated"], first["sha256"]) == (False, True, second["sha256"])


def test_other_content_under_a_used_key_fails_and_the_first_stays(tmp_path):
    receivers.to_directory(tmp_path, effect("first"))
    with pytest.raises(DeliveryFailed, match="is there with other content"):
        receivers.to_directory(tmp_path, effect("second"))
    assert [(tmp_path / name).read_text() for name in visible(tmp_path)] == ["first"]


def test_twenty_deliveries_of_one_effect_at_once_are_one_file(tmp_path):
    with ThreadPoolExecutor(20) as pool:
        receipts = list(pool.map(lambda _: receivers.to_directory(tmp_path, effect("x" * 10_000)), range(20)))
    assert [r["repeated"] for r in receipts].count(False) == 1
    assert [(tmp_path / name).read_text() for name in visible(tmp_path)] == ["x" * 10_000]


def test_twenty_effects_that_share_a_key_leave_one_whole_file(tmp_path):
    def attempt(n: int) -> str | None:
        try:
            return receivers.to_directory(tmp_path, effect(f"{n}" * 10_000)) and f"{n}"
        except DeliveryFailed:
            return None

    with ThreadPoolExecutor(20) as pool:
        [winner] = [won for won in pool.map(attempt, range(10, 30)) if won]
    assert [(tmp_path / name).read_text() for name in visible(tmp_path)] == [winner * 10_000]


@pytest.mark.parametrize("call", ["fsync", "link"])
def test_a_crash_before_the_file_is_whole_leaves_nothing_visible(call, tmp_path, monkeypatch):
    class Crash(BaseException):
        """The process is gone."""

    def crash(*args):
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(os, call, crash)
        with pytest.raises(Crash):
            receivers.to_directory(tmp_path, effect())
    assert visible(tmp_path) == []
    assert receivers.find(effect(receiver=f"file:{tmp_path}")) is None
    assert receivers.to_directory(tmp_path, effect())["repeated"] is False


def test_a_file_that_is_there_is_found_and_another_is_not(tmp_path):
    mine = effect(receiver=f"file:{tmp_path}")
    assert receivers.find(mine) is None
    receipt = receivers.to_directory(tmp_path, mine)
    assert receivers.find(mine) == {**receipt, "repeated": True}
    assert receivers.find({**mine, "payload": "other"}) is None
    assert receivers.find({**mine, "receiver": "http://there"}) is None


def test_an_unwritable_folder_is_named_with_its_cause(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DeliveryFailed, match=rf"^{tmp_path}/file: (File exists|Not a directory)$"):
        receivers.to_directory(tmp_path / "file", effect())
