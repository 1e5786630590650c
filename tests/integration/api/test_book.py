from __future__ import annotations

import pytest

from tests.integration.api import seeds

FX = {"ccy": "USD", "eur": "0.92"}


def test_rows_are_versioned_and_an_unchanged_one_stores_nothing(operator):
    counts = [
        operator.put("/v1/book/fx", json={"rows": [{**FX, "ccy": "SEK", "eur": eur}]}).json()
        for eur in ("0.10", "0.10", "0.11")
    ]
    assert [(c["new"], c["changed"], c["unchanged"]) for c in counts] == [(1, 0, 0), (0, 0, 1), (0, 1, 0)]
    row = operator.get("/v1/book/fx/SEK").json()
    assert (row["version"], row["data"]["eur"], row["recorded_by"]) == (2, "0.11", "otto")


def test_one_bad_row_keeps_all_rows_out_and_is_named(operator):
    answer = operator.put("/v1/book/fx", json={"rows": [{**FX, "ccy": "NOK"}, {"ccy": "DKK", "eur": "-1"}]})
    assert (answer.status_code, answer.json()["type"]) == (422, "InvalidRequest")
    assert [(e["row"], e["field"]) for e in answer.json()["errors"]] == [(2, "eur")]
    assert operator.get("/v1/book/fx/NOK").status_code == 404


def test_a_json_number_keeps_every_digit(operator):
    body = b'{"rows": [{"ccy": "JPY", "eur": 0.12345678901234567890123}]}'
    operator.put("/v1/book/fx", content=body, headers={"Content-Type": "application/json"})
    assert operator.get("/v1/book/fx/JPY").json()["data"]["eur"] == "0.12345678901234567890123"


def test_a_key_may_hold_slashes(operator):
    assert operator.get("/v1/book/position/SAFE-0001/EUR").status_code in (200, 404)
    rows = [{"account": "SAFE-0001", "asset": "CHF", "available": "5", "as_of": "2026-11-24T10:00:00Z"}]
    assert operator.put("/v1/book/position", json={"rows": rows}).status_code == 200
    assert operator.get("/v1/book/position/SAFE-0001/CHF").json()["data"]["available"] == "5"


def test_a_load_is_logged(operator, live):
    operator.put("/v1/book/fx", json={"rows": [{**FX, "ccy": "PLN"}]})
    last = seeds.entries(live, "system")[-1]
    assert (last["type"], last["actor"]["id"], last["data"]["kind"]) == ("book.loaded", "otto", "fx")


def test_kinds_are_listed_with_their_fields(operator):
    kinds = {k["kind"]: k for k in operator.get("/v1/book").json()["items"]}
    assert kinds["fx"]["fields"] == ["ccy", "eur"]


@pytest.mark.parametrize("body", [{}, {"rows": []}, {"rows": {}}, {"rows": [1]}, {"rows": [FX], "more": 1}])
def test_a_load_that_is_none_is_refused(operator, body):
    assert operator.put("/v1/book/fx", json=body).status_code == 422


def test_an_unknown_kind_names_those_there_are(operator):
    answer = operator.put("/v1/book/forex", json={"rows": [FX]})
    assert answer.status_code == 422
    assert "fx" in answer.json()["fix"]


def test_a_number_too_large_to_write_out_is_refused(operator):
    answer = operator.put("/v1/book/fx", json={"rows": [{"ccy": "XXX", "eur": "1e999999999"}]})
    assert answer.status_code == 422
    assert "eur is out of range" in answer.json()["errors"][0]["cause"]
