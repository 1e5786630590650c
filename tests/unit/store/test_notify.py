from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workflow_orchestration.store.notify import Bell, _payloads

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
