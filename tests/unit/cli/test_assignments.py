from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_orchestration.cli.assignments import assignments
from workflow_orchestration.cli.exits import WrongUsage


def read(*given):
    return assignments(given, option="--set")


def test_dots_nest_and_values_stay_text():
    assert read("quantity.value=100.50", "quantity.type=UNIT", "note=a=b") == {
        "quantity": {"value": "100.50", "type": "UNIT"}, "note": "a=b"}  # fmt: skip


def test_words_and_json_are_what_they_say():
    assert read("hold=true", "partial=null", 'parties=[{"bic":"X"}]', 'text="true"') == {
        "hold": True, "partial": None, "parties": [{"bic": "X"}], "text": "true"}  # fmt: skip


def test_a_number_within_json_never_becomes_a_float():
    assert read('price={"value":1.10}') == {"price": {"value": "1.10"}}


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        (["amount"], "no FIELD=VALUE"),
        (["=5"], "no FIELD=VALUE"),
        (["a..b=5"], "no FIELD=VALUE"),
        (["a=1", "a=2"], "given twice"),
        (["a=1", "a.b=2"], "a value of its own"),
        (["a={1"], "begins like JSON"),
    ],
)
def test_what_cannot_be_meant_is_named(given, cause):
    with pytest.raises(WrongUsage, match=cause):
        read(*given)


@given(
    st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.from_regex(r"[0-9.,A-Z -]{0,12}", fullmatch=True))
)
def test_plain_fields_come_out_as_they_went_in(body):
    assert read(*(f"{name}={value}" for name, value in body.items())) == body
