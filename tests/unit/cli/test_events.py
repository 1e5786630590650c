from __future__ import annotations

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_orchestration.cli.client import Api
from workflow_orchestration.cli.events import follow, parse
from workflow_orchestration.cli.exits import Refused

ENTRIES = [{"seq": n, "type": "case.comment", "data": {"text": f"line\n{n}"}} for n in range(1, 8)]


def event(entry):
    return f"id: {entry['seq']}\nevent: {entry['type']}\ndata: {json.dumps(entry)}\n\n"


class Stream:
    """Serves ENTRIES from Last-Event-ID on, cutting each connection after so many characters."""

    def __init__(self, cuts):
        self.cuts = list(cuts)
        self.asked = []

    def __call__(self, request):
        after = int(request.headers["Last-Event-ID"])
        self.asked.append(after)
        text = ": beat\n\n" + "".join(event(e) for e in ENTRIES if e["seq"] > after) + "event: end\ndata: {}\n\n"
        return httpx.Response(200, text=text[: self.cuts.pop(0)] if self.cuts else text)


def entries(handler, after=0):
    api = Api("http://api", lambda: "t", transport=httpx.MockTransport(handler))
    return list(follow(api, "/v1/cases/c1/events", after, sleep=lambda _seconds: None))


@given(st.lists(st.integers(min_value=0, max_value=700), max_size=6))
def test_a_stream_cut_anywhere_loses_and_repeats_nothing(cuts):
    assert entries(Stream(cuts)) == ENTRIES


def test_it_starts_after_the_entry_asked_for():
    stream = Stream([])
    assert entries(stream, after=5) == ENTRIES[5:]
    assert stream.asked == [5]


def test_a_refusal_ends_it():
    with pytest.raises(Refused, match="NotFound"):
        entries(lambda _request: httpx.Response(404, json={"type": "NotFound", "detail": "no such case"}))


def test_a_platform_that_stays_away_ends_it_at_last():
    asked = []

    def away(request):
        asked.append(request)
        return httpx.Response(503, json={"type": "NotReady", "detail": "no database"})

    with pytest.raises(Refused, match="NotReady"):
        entries(away)
    assert len(asked) == 30


def test_data_over_several_lines_is_one_event():
    assert list(parse(["event: x", "data: a", "data:b", "", ": beat", "", "data: cut"])) == [("x", "a\nb")]


def test_the_log_of_a_case_is_printed_a_line_an_entry(wo):
    page = {"items": [{**ENTRIES[0], "at": "2026-11-24T10:00:00Z", "actor": {"id": "anna"}}], "next": None}
    wo.answers(httpx.Response(200, json=page))
    out = wo("cases", "events", "c1").out
    assert out == "   1 2026-11-24T10:00:00Z case.comment by anna text=line 1\n"


def test_pages_of_the_log_are_all_read(wo):
    wo.answers(httpx.Response(200, json={"items": ENTRIES[:4], "next": 4}),
               httpx.Response(200, json={"items": ENTRIES[4:], "next": None}))  # fmt: skip
    lines = wo("cases", "events", "c1", "--json").out.splitlines()
    assert [json.loads(line) for line in lines] == ENTRIES
    assert [dict(r.url.params) for r in wo.requests] == [{"after": "0"}, {"after": "4"}]
