"""How an answer ended, and how long a server wants to be left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from workflow_orchestration.llm import engine


def reply(end: str) -> engine.Reply:
    return engine.Reply("text", end, 1, 1, "")


def test_only_stop_is_a_whole_answer():
    engine.check_end(reply("stop"))


@pytest.mark.parametrize(
    ("end", "again"),
    [("length", False), ("repetition", False), ("content_filter", False), ("STOP", False),
     ("abort", True), ("error", True), ("", True)],
)  # fmt: skip
def test_any_other_end_is_half_an_answer(end, again):
    with pytest.raises(engine.TryError) as caught:
        engine.check_end(reply(end))
    assert (caught.value.again, caught.value.blames_server) == (again, again)


@pytest.mark.parametrize(
    ("header", "seconds"), [(None, 0), ("", 0), ("2", 2), ("0.5", 0.5), ("soon", 0), ("-3", 0), ("1.2.3", 0)]
)
def test_seconds_to_wait_are_read_and_nonsense_is_none(header, seconds):
    assert engine.retry_after(header) == seconds


def test_a_date_to_wait_for_is_seconds_from_now():
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 55 < engine.retry_after(later) <= 60
    assert engine.retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0


@pytest.mark.parametrize(
    ("status", "said", "wait", "full"),
    [
        (429, "slow down", 0, True),
        (503, "The engine is currently busy and cannot accept new requests.", 0, True),
        (503, "server busy, please try again. maximum pending requests exceeded", 0, True),
        (503, "<html>Service Unavailable</html>", 2, True),
        (503, "<html>Service Unavailable</html>", 0, False),
        (500, "busy dying", 2, False),
        (502, "busy", 0, False),
    ],
)
def test_a_server_without_room_is_told_from_one_that_fails(status, said, wait, full):
    assert engine.is_full(status, said, wait) is full
