from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_orchestration.cli.book import batches
from workflow_orchestration.cli.bookfile import FileRow, Section, check, parse
from workflow_orchestration.cli.exits import Failure, WrongUsage

JSON, CSV = Path("book.json"), Path("trade.csv")
FX = {"ccy": "USD", "eur": "0.92"}


def rows(file, text, kind=None):
    return [(s.kind, row.line, row.values) for s in parse(file, text, kind) for row in s.rows]


def test_json_rows_know_their_lines():
    text = '{\n  "fx": [\n    {"ccy": "USD",\n     "eur": "0.92"},\n\n    {"ccy": "GBP", "eur": "1.2"}\n  ]\n}\n'
    assert [(kind, line) for kind, line, _ in rows(JSON, text)] == [("fx", 3), ("fx", 6)]


def test_numbers_of_json_never_become_floats():
    assert rows(JSON, '{"fx": [{"ccy": "USD", "eur": 0.920}]}') == [("fx", 1, {"ccy": "USD", "eur": "0.920"})]


def test_a_json_list_needs_its_kind():
    assert rows(JSON, json.dumps([FX]), "fx") == [("fx", 1, FX)]
    with pytest.raises(WrongUsage, match=r"line 1: expected \{"):
        rows(JSON, json.dumps([FX]))


@given(st.dictionaries(st.text(min_size=1), st.lists(st.dictionaries(st.text(), st.text()), max_size=4), max_size=4),
       st.sampled_from([None, 0, 2]))  # fmt: skip
def test_any_layout_of_json_is_read_as_it_is(book, indent):
    text = json.dumps(book, indent=indent)
    read = parse(JSON, text, None)
    assert [(s.kind, [r.values for r in s.rows]) for s in read] == list(book.items())
    lines = text.split("\n")
    assert all("{" in lines[row.line - 1] for section in read for row in section.rows)


def fault(text):
    """What is wrong with a JSON file; of a sound one, that it has lines."""
    try:
        parse(JSON, text, None)
    except WrongUsage as error:
        return error.cause
    return "no line is wrong"


@given(st.text(alphabet='{}[]":, \n1a', max_size=30))
def test_damaged_json_is_an_error_never_a_crash(text):
    assert "line " in fault(text)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ('{"fx": [\n{"ccy": NaN}]}', "line 2: NaN"),
        ('{"fx": [\n5]}', "line 2: a row is an object"),
        ('{"fx": []\n', "line 2: expected , or }"),
        ('{"fx": []}\n{}', "line 2: more follows"),
        ('{"fx": [{"ccy": "USD"\n"eur"', "line 2: Expecting"),
    ],
)
def test_what_is_wrong_with_a_json_file_is_named_with_its_line(text, cause):
    with pytest.raises(WrongUsage, match=cause):
        parse(JSON, text, None)


def test_csv_columns_nest_and_number_and_empty_cells_are_absent():
    text = "trade_ref,quantity.type,quantity.value,parties.0.role,parties.1.role,price\nT1,UNIT,100,DEAG,REAG,\n"
    quantity, parties = {"type": "UNIT", "value": "100"}, [{"role": "DEAG"}, {"role": "REAG"}]
    assert rows(CSV, text) == [("trade", 2, {"trade_ref": "T1", "quantity": quantity, "parties": parties})]


def test_csv_lines_count_lines_not_rows():
    text = 'entry,name\n1,"a\nb"\n\n2,c\n'
    assert [line for _, line, _ in rows(CSV, text)] == [2, 5]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "line 1: the header line is missing"),
        ("a,a\n1,2\n", "'a' is named twice"),
        ("a,b\n1\n", "line 2: 1 cells, but the header has 2 columns"),
        ("a,a.b\n1,2\n", "line 2: column a.b goes into a"),
        ("a.b,a\n1,2\n", "line 2: column a has a value, and other columns go into it"),
        ('a\n"1\n', "line 2"),
    ],
)
def test_what_is_wrong_with_a_csv_file_is_named_with_its_line(text, cause):
    with pytest.raises(WrongUsage, match=cause):
        parse(CSV, text, None)


def test_all_faults_of_rows_are_named_by_file_line_and_field():
    bad = Section(JSON, "fx", (FileRow(3, FX), FileRow(7, {"ccy": "GBP", "eur": "x"}), FileRow(9, {"eur": "1"})))
    with pytest.raises(Failure) as failure:
        check([bad])
    assert [e["field"] for e in failure.value.facts["errors"]] == ["book.json:7 eur", "book.json:9 ccy"]


@given(st.lists(st.integers(min_value=0, max_value=90_000), max_size=30))
def test_batches_keep_every_row_in_order_and_stay_small(sizes):
    given_rows = [FileRow(n, {"text": "x" * size}) for n, size in enumerate(sizes)]
    made = list(batches(given_rows))
    assert [row for batch in made for row in batch] == given_rows
    assert all(len(batch) == 1 or sum(len(row.values["text"]) for row in batch) < 200_000 for batch in made)
