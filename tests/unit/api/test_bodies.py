"""What of a JSON body is refused before anything looks at it."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_orchestration.api import bodies
from workflow_orchestration.domain.canonical import canonical
from workflow_orchestration.domain.errors import InvalidRequest

BAD = {
    "NaN": (b'{"a": NaN}', "not a JSON number"),
    "Infinity": (b'{"a": [-Infinity]}', "not a JSON number"),
    "huge integer": (b'{"a": 9223372036854775808}', "larger than 64 bits"),
    "integer of 5000 digits": (b"1" * 5000, "not JSON"),
    "huge exponent": (b'{"a": 1e999999999}', "out of range"),
    "tiny exponent": (b'{"a": 1e-999999999}', "out of range"),
    "NUL": (b'{"a": "x\\u0000y"}', "contains NUL"),
    "NUL in a name": (b'{"\\u0000": 1}', "contains NUL"),
    "half a surrogate pair": (b'{"a": "\\ud800"}', "surrogate"),
    "not UTF-8": (b'{"a": "\xff"}', "not UTF-8"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
    "nested too deep": (b"[" * 100 + b"]" * 100, "nested deeper"),
    "nested far too deep": (b"[" * 100_000, "nested deeper"),
    "cut off": (b'{"a": ', "not JSON"),
    "more than one": (b"{} {}", "not JSON"),
}


@pytest.mark.parametrize(("body", "cause"), BAD.values(), ids=BAD)
def test_json_that_cannot_be_kept_is_refused_with_its_cause(body, cause):
    with pytest.raises(InvalidRequest) as refused:
        bodies.parse(body)
    assert cause in refused.value.detail


def test_the_field_is_named():
    with pytest.raises(InvalidRequest) as refused:
        bodies.parse(b'{"rows": [{"ok": 1}, {"name": "\\u0000"}]}')
    assert refused.value.extra["errors"] == [{"field": "rows.1.name", "cause": "the text contains NUL"}]


def test_a_fraction_keeps_every_digit():
    assert bodies.parse(b"[0.10, 12345678901234567890.123]") == [Decimal("0.10"), Decimal("12345678901234567890.123")]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
plain = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | texts
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=20
)


@given(values)
def test_what_passes_can_be_hashed_and_is_unchanged(value):
    assert bodies.parse(json.dumps(value).encode()) == value
    canonical(bodies.parse(json.dumps(value).encode()))


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(body):
    try:
        canonical(bodies.parse(body))
    except InvalidRequest as refused:
        assert refused.detail  # noqa: PT017 - the only failure there may be
