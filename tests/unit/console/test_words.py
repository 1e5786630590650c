from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_orchestration.console import words

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(("code", "told"), [
    ("AWAITING_APPROVAL", "Awaiting approval"), ("settlement_date", "Settlement date"), ("isin", "ISIN"),
    ("CPTY_ABSENT", "Counterparty absent"), ("approval.decided", "Approval decided"), ("T2", "T2"), ("V09", "V09"),
    ("W1-R3", "W1-R3"), ("", ""), ("already plain words", "already plain words"),
])  # fmt: skip
def test_codes_read_as_words(code, told):
    assert words.label(code) == told


@pytest.mark.parametrize(("seconds", "told"), [
    (0, "in 0 min 00 s"), (61, "in 1 min 01 s"), (3600 + 300, "in 1 h 05 min"), (2 * 86400 + 3600, "in 2 d 01 h"),
    (-61, "1 min 01 s ago"), (-86400, "1 d 00 h ago"),
])  # fmt: skip
def test_a_deadline_says_how_long_is_left_or_gone(seconds, told):
    assert words.remaining(NOW + timedelta(seconds=seconds), NOW) == told


@given(st.integers(-(10**8), 10**8))
def test_a_passed_deadline_never_reads_like_one_to_come(seconds):
    told = words.remaining(NOW + timedelta(seconds=seconds), NOW)
    assert told.endswith(" ago") == (seconds < 0)
    assert told.startswith("in ") == (seconds >= 0)


def test_an_unknown_amount_is_not_zero():
    assert words.amount(None) == "not known"
    assert words.amount(Decimal("1234567.5")) == "1,234,567.50"


def test_a_log_entrys_gist_leaves_out_ids_and_hashes():
    data = {"approval_id": "x", "payload_hash": "sha256:ab", "before": "y", "tier": "T2", "needed": 2}
    assert words.gist(data) == "tier T2, needed 2"
    assert words.gist({"approval_id": "x"}) == "details"
