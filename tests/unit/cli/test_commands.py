"""Each command's request: method, path, body. What the platform makes of it is tested with the real API."""

from __future__ import annotations

import json

import httpx
import pytest

CALLS = [
    ("cases list --desk emea --limit 5", "GET", "/v1/cases?status=open&desk=emea&limit=5", None),
    ("cases list --status any", "GET", "/v1/cases?limit=50", None),
    ("cases show c1 --wait 25", "GET", "/v1/cases/c1?wait=25", None),
    ("cases progress c1", "GET", "/v1/cases/c1/progress", None),
    ("cases shadow --since 2026-11-01", "GET", "/v1/cases:shadow?since=2026-11-01T00%3A00%3A00%2B00%3A00", None),
    ("cases open --account A --reference R", "POST", "/v1/cases",
     {"workflow": "settlement", "account": "A", "reference": "R"}),
    ("cases cancel c1 --comment x", "POST", "/v1/cases/c1/cancel", {"comment": "x"}),
    ("cases reopen c1 --comment x", "POST", "/v1/cases/c1/reopen", {"comment": "x"}),
    ("cases assign c1 --desk apac", "POST", "/v1/cases/c1/assign", {"desk": "apac"}),
    ("cases hold c1 --comment x", "POST", "/v1/cases/c1/hold", {"held": True, "comment": "x"}),
    ("cases hold c1 --end --comment x", "POST", "/v1/cases/c1/hold", {"held": False, "comment": "x"}),
    ("cases comment c1 hello", "POST", "/v1/cases/c1/comments", {"text": "hello"}),
    ("tasks list --state any", "GET", "/v1/tasks", None),
    ("tasks complete t1 --result answer=yes --comment x", "POST", "/v1/tasks/t1/complete",
     {"result": {"answer": "yes"}, "comment": "x"}),
    ("effects list --state refused", "GET", "/v1/effects?state=refused", None),
    ("effects retry e1", "POST", "/v1/effects/e1/retry", {}),
    ("effects cancel e1", "POST", "/v1/effects/e1/cancel", {}),
    ("kill-switch list", "GET", "/v1/kill-switches", None),
    ("kill-switch engage action:CHASE --reason x", "PUT", "/v1/kill-switches/action%3ACHASE",
     {"engaged": True, "reason": "x"}),
    ("kill-switch release all --reason x", "PUT", "/v1/kill-switches/all", {"engaged": False, "reason": "x"}),
    ("book get ssi B/X/EUR", "GET", "/v1/book/ssi/B%2FX%2FEUR", None),
    ("messages show m1", "GET", "/v1/messages/m1", None),
    ("log verify --stream system", "GET", "/v1/log/verify?stream=system", None),
]  # fmt: skip
ANSWER = {"id": "x", "items": [], "next": None, "valid": True, "streams": 0, "entries": 0, "anchors": 0, "findings": []}


@pytest.mark.parametrize(("line", "method", "url", "body"), CALLS)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_the_request_says_what_was_typed(wo, line, method, url, body, form):
    wo.answers(httpx.Response(200, json=ANSWER))
    assert wo(*line.split(), *form).code == 0
    [request] = wo.requests
    assert (request.method, request.url.raw_path.decode()) == (method, url)
    assert (json.loads(request.content) if request.content else None) == body


def test_all_pages_of_the_queue_are_one_list(wo):
    pages = [{"items": [{"id": "c1"}], "next": "n1"}, {"items": [{"id": "c2"}], "next": None}]
    wo.answers(*(httpx.Response(200, json=page) for page in pages))
    assert wo("cases", "list", "--all", "--json").json == {"items": [{"id": "c1"}, {"id": "c2"}], "next": None}
    assert wo.requests[1].url.params["cursor"] == "n1"


def test_a_page_of_the_queue_says_how_to_go_on(wo):
    wo.answers(httpx.Response(200, json={"items": [{"id": "c1"}], "next": "n1"}))
    assert "--cursor n1" in wo("cases", "list").out


@pytest.mark.parametrize("argv", [[], ["--case", "c1", "--from", "2026-11-01"], ["--from", "2026-11-01"]])
def test_an_export_is_of_one_case_or_one_period(wo, argv):
    assert wo("log", "export", *argv).code == 2
    assert wo.requests == []


def ndjson(*lines):
    return httpx.Response(200, text="".join(json.dumps(line) + "\n" for line in lines))


NOVEMBER = ("log", "export", "--from", "2026-11-01", "--to", "2026-12-01T00:00+01:00")


def trailer(count, *, complete=True):
    return {"trailer": True, "count": count, "complete": complete}


def test_an_export_is_copied_line_for_line(wo):
    lines = [{"seq": 1}, {"seq": 2}, trailer(2)]
    wo.answers(ndjson(*lines))
    ended = wo(*NOVEMBER)
    assert (ended.code, [json.loads(line) for line in ended.out.splitlines()]) == (0, lines)


def test_a_time_without_an_offset_is_utc(wo):
    wo.answers(ndjson(trailer(0)))
    wo(*NOVEMBER)
    assert dict(wo.requests[0].url.params) == {"from": "2026-11-01T00:00:00+00:00", "to": "2026-12-01T00:00:00+01:00"}


@pytest.mark.parametrize("lines", [[{"seq": 1}], [{"seq": 1}, trailer(2)], []])
def test_a_cut_export_is_4(wo, lines):
    wo.answers(ndjson(*lines))
    ended = wo(*NOVEMBER)
    assert ended.code == 4
    assert "cut" in ended.err


def test_an_export_of_a_period_that_goes_on_is_4(wo):
    wo.answers(ndjson({"seq": 1}, trailer(1, complete=False)))
    ended = wo(*NOVEMBER)
    assert ended.code == 4
    assert "more entries may come" in ended.err


@pytest.mark.parametrize("option", ["--from", "--to"])
def test_what_is_no_time_is_named(wo, option):
    given = {"--from": "2026-11-01", "--to": "2026-12-01", option: "yesterday"}
    ended = wo("log", "export", *(word for pair in given.items() for word in pair))
    assert ended.code == 2
    assert f"{option} 'yesterday'" in ended.err
