"""Records in, dead letters and events out: pure translations."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fin import mt548
from workflow_orchestration.bridge import dead_letters, events, records
from workflow_orchestration.bridge.records import Judged, Record
from workflow_orchestration.domain.canonical import sha256
from workflow_orchestration.domain.errors import MessageUnreadable, TooLarge, UnsupportedMessage
from workflow_orchestration.domain.roles import Operation
from workflow_orchestration.store.inbox import Place


def _record(value: bytes | None, *, headers: tuple[tuple[str, bytes], ...] = ()) -> Record:
    return Record(Place("in", 3, 17, sha256(value or b"")), b"key", value, headers, 1_700_000_000_000)


def test_a_message_is_read_as_the_api_reads_it():
    parsed, text = records.read(_record(mt548("R-1").encode()), max_bytes=10_000)
    assert (parsed.message_type, text[:3]) == ("548", "{1:")


@given(st.binary(max_size=300))
def test_whatever_a_record_holds_it_is_a_message_or_refused(value):
    with pytest.raises((MessageUnreadable, UnsupportedMessage, TooLarge)):
        records.read(_record(value), max_bytes=200)


def test_a_topic_may_only_hand_in_messages():
    sender = records.sender_of(_record(b""))
    assert sender.id == "kafka:in"
    assert [o for o in Operation if sender.may(o)] == [Operation.MESSAGE_POST]
    assert sender.actor()["type"] == "service"


def test_a_dead_letter_keeps_what_came_and_says_why():
    why = MessageUnreadable("line 3: bad", line=3, tag="19A")
    letter = dead_letters.dead_letter(_record(b"x", headers=(("trace", b"1"), ("wo-offset", b"forged"))), why)
    headers = dict(letter.headers)
    assert (letter.key, letter.value, headers["trace"]) == (b"key", b"x", b"1")
    assert (headers["wo-offset"], headers["wo-line"], headers["wo-tag"]) == (b"17", b"3", b"19A")
    assert [name for name, _ in letter.headers].count("wo-offset") == 1


def test_a_replayed_letter_is_what_first_came_and_counts():
    original = _record(b"x", headers=(("trace", b"1"),))
    for count in (1, 2):
        letter = dead_letters.dead_letter(original, MessageUnreadable("no"))
        topic, copy = dead_letters.replay(_record(letter.value, headers=tuple(letter.headers)))
        assert (topic, copy.key, copy.value) == ("in", b"key", b"x")
        assert dict(copy.headers) == {"trace": b"1", "wo-replays": str(count).encode()}
        original = _record(copy.value, headers=tuple(copy.headers))


def _entry(**changes):
    return {"stream": "c1", "seq": 7, "at": datetime(2026, 11, 24, 9, 15, tzinfo=UTC), "actor": {"id": "ann"},
            "type": "case.opened", "data": {"n": 1}, "run_id": None, "task_id": None, "epoch": None, "n": None,
            "prev": "p", "hash": "h", **changes}  # fmt: skip


def test_an_event_is_keyed_by_its_case_and_numbered_by_the_log():
    sent = events.event_of(_entry())
    event = json.loads(sent.value)
    assert sent.key == b"c1"
    assert (event["source"], event["id"], event["type"]) == (
        "/v1/log/cases/c1", "7", "workflow-orchestration.case.opened.v1")  # fmt: skip
    assert event["data"] == {**_entry(), "at": "2026-11-24T09:15:00.000000Z"}


def test_an_event_too_large_says_so_and_stays_small():
    sent = events.event_of(_entry(data={"text": "x" * 2_000_000}))
    event = json.loads(sent.value)
    assert len(sent.value) < 2000
    assert (event["truncated"], event["data"]["data"], event["data"]["hash"]) == (True, {}, "h")


def _judged(position: int, key: bytes | None, *names: str) -> Judged:
    place = Place("in", 0, position, "s")
    record = Record(place, key, b"", (), 0)
    return Judged(record, None, "", None, frozenset({key, *names}))


def _positions(*judged: Judged) -> list[list[int]]:
    return sorted([m.record.place.position for m in chain] for chain in records.chains(judged))


def test_records_of_one_key_stay_in_order_and_others_need_not_wait():
    assert _positions(_judged(1, b"a"), _judged(2, b"b"), _judged(3, b"a")) == [[1, 3], [2]]


def test_records_without_a_key_stay_in_the_order_of_their_partition():
    assert _positions(_judged(1, None), _judged(2, b"a"), _judged(3, None)) == [[1, 3], [2]]


def test_records_that_name_the_same_instruction_stay_in_order_whatever_their_keys():
    assert _positions(_judged(1, b"a", "WO-1"), _judged(2, b"b", "WO-2"), _judged(3, b"c", "WO-1")) == [[1, 3], [2]]


def test_a_record_that_names_two_instructions_waits_for_both():
    judged = (_judged(1, b"a", "WO-1"), _judged(2, b"b", "WO-2"), _judged(3, b"c", "WO-1", "WO-2"))
    assert _positions(*judged) == [[1, 2, 3]]


@given(
    st.lists(st.tuples(st.sampled_from([None, b"a", b"b", b"c"]), st.frozensets(st.sampled_from("wxyz"))), max_size=12)
)
def test_every_record_is_in_one_chain_and_no_name_is_in_two(given_):
    found = records.chains([_judged(n, key, *names) for n, (key, names) in enumerate(given_)])
    assert sorted(m.record.place.position for c in found for m in c) == list(range(len(given_)))
    for n, chain in enumerate(found):
        names = frozenset().union(*(m.names for m in chain))
        assert [m.record.place.position for m in chain] == sorted(m.record.place.position for m in chain)
        assert all(not names & m.names for other in found[n + 1 :] for m in other)
