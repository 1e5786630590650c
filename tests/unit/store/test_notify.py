from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_orchestration.store.notify import Bell, Overheard, _payloads

WORDS = st.lists(st.text("abcdef0123456789-", min_size=1, max_size=40), max_size=400)


@given(WORDS)
def test_every_word_is_sent_once_in_payloads_postgres_takes(words):
    payloads = _payloads(words)
    assert " ".join(payloads).split() == words
    assert all(len(p) < 8000 for p in payloads)  # NOTIFY's limit


def test_a_ring_wakes_only_who_hears_that_word():
    bell = Bell()
    with bell.hear("a") as a, bell.hear("b") as b, bell.hear("a") as also:
        bell.ring("a")
        assert (a.is_set(), also.is_set(), b.is_set()) == (True, True, False)


def test_after_a_reconnect_everybody_is_woken():
    bell = Bell()
    with bell.hear("a") as a, bell.hear("b") as b:
        bell.ring("*")
        assert a.is_set()
        assert b.is_set()


def test_who_left_is_forgotten():
    bell = Bell()
    with bell.hear("a") as a:
        pass
    bell.ring("a")
    assert not a.is_set()
    assert bell._waiting == {}


def test_whispers_reach_the_readers_of_their_case_and_nobody_else():
    bell = Bell()
    overheard = Overheard(bell)
    with overheard.of("a") as mine, overheard.of("a") as yours, overheard.of("b") as theirs, bell.hear("a") as rung:
        overheard.told('{"case_id": "a", "agent": "critic", "try": 1, "text": "No"}')
        assert list(mine) == list(yours) == [{"agent": "critic", "try": 1, "text": "No"}]
        assert not theirs
        assert rung.is_set()
    overheard.told('{"case_id": "a", "agent": "critic", "try": 1, "text": "late"}')
    assert len(mine) == 1


def test_a_slow_reader_loses_the_oldest_whispers():
    overheard = Overheard(Bell())
    with overheard.of("a") as mine:
        for n in range(250):
            overheard.told(f'{{"case_id": "a", "text": "{n}"}}')
    assert [w["text"] for w in mine] == [str(n) for n in range(150, 250)]


@pytest.mark.parametrize("payload", ["", "{", "[]", "7", '{"text": "whose?"}'])
def test_what_is_no_whisper_is_dropped(payload):
    overheard = Overheard(Bell())
    with overheard.of("a") as mine:
        overheard.told(payload)
    assert not mine
