"""Loading the book: good rows in, bad rows named by row, field and cause."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_orchestration.domain import book
from workflow_orchestration.domain.errors import InvalidRequest

SECURITY: dict[str, Any] = {
    "isin": "DE0007164600", "name": "Share", "asset_class": "LIQUID_SHARE", "price": {"ccy": "EUR", "value": "1.5"},
}  # fmt: skip


def test_good_rows_are_taken_in_order() -> None:
    rows, errors = book.parse_rows("fx", [{"ccy": "USD", "eur": "0.9"}, {"ccy": "GBP", "eur": "1.2"}])
    assert [row.key for row in rows] == ["USD", "GBP"]
    assert errors == ()


@pytest.mark.parametrize(
    ("change", "field", "words"), [
        ({"isin": "DE0007164601"}, "isin", "ISIN DE0007164601 fails"),
        ({"price": {"ccy": "EUR", "value": "much"}}, "price.value", "much"),
        ({"price": {"ccy": "EUR", "value": "NaN"}}, "price.value", "NaN"),
        ({"colour": "red"}, "colour", "Extra inputs"),
        ({"name": "  "}, "name", "at least 1"),
        ({"asset_class": "SHARE"}, "asset_class", "LIQUID_SHARE"),
    ]
)  # fmt: skip
def test_bad_row_names_row_field_and_cause(change: dict[str, Any], field: str, words: str) -> None:
    rows, errors = book.parse_rows("security", [SECURITY, SECURITY | {"isin": "FR0000120271"} | change])
    assert len(rows) == 1
    assert (errors[0].row, errors[0].field) == (2, field)
    assert words in errors[0].cause


def test_same_key_twice_in_one_load_is_refused() -> None:
    rows, errors = book.parse_rows("security", [SECURITY, SECURITY])
    assert len(rows) == 1
    assert (errors[0].row, "DE0007164600 is in an earlier row" in errors[0].cause) == (2, True)


def test_unknown_kind_names_the_kinds() -> None:
    with pytest.raises(InvalidRequest, match="no book kind 'stocks'") as caught:
        book.parse_rows("stocks", [])
    assert "security" in caught.value.fix


def test_every_kind_says_what_it_is_found_by() -> None:
    assert all("key" in vars(kind) for kind in book.KINDS.values())


@given(
    st.sampled_from(sorted(book.KINDS)),
    st.lists(st.dictionaries(st.text(max_size=12), st.none() | st.integers() | st.text(max_size=20)), max_size=3),
)
def test_whatever_comes_every_row_is_taken_or_explained(kind: str, rows: list[dict[str, Any]]) -> None:
    valid, errors = book.parse_rows(kind, rows)
    assert len(valid) + len({error.row for error in errors}) == len(rows)
