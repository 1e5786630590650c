"""A case's log as server-sent events."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.integration.api import seeds
from tests.integration.api.live import load_book, running, settings_for, until
from workflow_orchestration.api.routers import events as endpoint

SSE = {"Accept": "text/event-stream"}


def read(client: httpx.Client, case: str, *, after: int | None = None, stop: int | None = None) -> list[dict]:
    """Events of one connection, until its end or `stop` of them."""
    found: list[dict] = []
    deadline = time.monotonic() + 20
    headers = SSE if after is None else {**SSE, "Last-Event-ID": str(after)}
    with client.stream("GET", f"/v1/cases/{case}/events", headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for event in _parsed(response.iter_lines()):
            found.append(event)
            assert time.monotonic() < deadline, "the stream goes on and on"
            if len(found) == stop:
                break
    return found


def _parsed(lines: Iterator[str]) -> Iterator[dict]:
    event: dict = {}
    silent = time.monotonic() + 20
    for line in lines:
        if line.startswith(":"):
            assert time.monotonic() < silent, "heartbeats, and nothing else"
            event.setdefault("comments", []).append(line)
        elif line:
            name, _, value = line.partition(": ")
            event[name] = value
        elif "data" in event:
            yield {**event, "data": json.loads(event["data"])}
            event = {}


def test_an_ended_case_is_told_in_full_and_the_stream_closes(analyst, live):
    case = seeds.case(live)
    seeds.say(live, case, "note.one", "note.two")
    seeds.end(live, case)
    told = read(analyst, case)
    assert [e["event"] for e in told] == ["case.opened", "note.one", "note.two", "case.ended", "end"]
    assert [e["id"] for e in told[:-1]] == ["1", "2", "3", "4"]
    assert "id" not in told[-1]


def test_an_event_carries_the_whole_entry(analyst, live):
    case = seeds.case(live)
    (first,) = read(analyst, case, stop=1)
    stored = seeds.entries(live, case)[0]
    assert (first["data"]["hash"], first["data"]["actor"]["id"]) == (stored["hash"], "u_desk")
    assert first["data"]["superseded"] is False


def test_a_stream_is_live_and_beats_while_nothing_happens(analyst, live):
    case = seeds.case(live)
    threading.Timer(0.8, lambda: (seeds.say(live, case, "late"), seeds.end(live, case))).start()
    told = read(analyst, case)
    assert [e["event"] for e in told] == ["case.opened", "late", "case.ended", "end"]
    assert any("ping" in c for e in told for c in e.get("comments", []))


def test_resuming_by_the_last_id_has_no_gap_and_no_repeat_while_entries_are_added(analyst, live):
    case, added = seeds.case(live), 60

    def add():
        for n in range(added):
            seeds.say(live, case, f"e{n}")
        seeds.end(live, case)

    writer = threading.Thread(target=add)
    writer.start()
    seen: list[dict] = []
    while not seen or seen[-1]["event"] != "end":  # every connection is cut after 7 events, as a bad line would
        seen += read(analyst, case, after=int(seen[-1]["id"]) if seen else 0, stop=7)
    writer.join()
    assert [int(e["id"]) for e in seen[:-1]] == list(range(1, added + 3))


def test_the_query_resumes_too_and_the_header_is_stronger(analyst, live):
    case = seeds.case(live)
    seeds.say(live, case, "a", "b")
    with analyst.stream("GET", f"/v1/cases/{case}/events", params={"after": 2}, headers=SSE) as response:
        assert next(_parsed(response.iter_lines()))["id"] == "3"
    with analyst.stream(
        "GET", f"/v1/cases/{case}/events", params={"after": 2}, headers={**SSE, "Last-Event-ID": "1"}
    ) as response:
        assert next(_parsed(response.iter_lines()))["id"] == "2"


def test_as_json_it_is_a_page_and_where_to_go_on(analyst, live):
    case = seeds.case(live)
    seeds.say(live, case, "a", "b")
    first = analyst.get(f"/v1/cases/{case}/events", params={"limit": 2}, headers={"Accept": "application/json"}).json()
    rest = analyst.get(
        f"/v1/cases/{case}/events", params={"after": first["next"]}, headers={"Accept": "application/json"}
    ).json()
    assert ([e["seq"] for e in first["items"]], first["next"]) == ([1, 2], 2)
    assert ([e["type"] for e in rest["items"]], rest["next"]) == (["b"], None)


@pytest.mark.parametrize("last", ["x", "-1", "99999999999999999999"])
def test_a_last_id_that_is_none_is_refused(analyst, live, last):
    answer = analyst.get(f"/v1/cases/{seeds.case(live)}/events", headers={**SSE, "Last-Event-ID": last})
    assert answer.status_code == 422


def test_a_case_that_goes_to_another_desk_ends_the_stream(live):
    case = seeds.case(live, desk="unassigned")
    rates = live.client("rita", "ops_analyst", desks="rates")
    threading.Timer(
        0.3, lambda: live.client("sue", "ops_supervisor").post(f"/v1/cases/{case}/assign", json={"desk": "equities"})
    ).start()
    assert read(rates, case)[-1]["event"] == "end"


def test_a_stream_ends_with_its_token(live):
    token = live.token("nina", "ops_analyst", minutes=60)
    case = seeds.case(live)
    short = live.anybody(headers={"Authorization": f"Bearer {token}"})
    verify, live.app.state.services.verifier.verify = live.app.state.services.verifier.verify, _soon(live)
    try:
        assert [e["event"] for e in read(short, case)] == ["case.opened"]
    finally:
        live.app.state.services.verifier.verify = verify


def _soon(live):
    verify = live.app.state.services.verifier.verify

    async def until_soon(token):
        principal, _ = await verify(token)
        return principal, time.time() + 0.5

    return until_soon


def test_a_reader_who_takes_nothing_is_cut_and_loses_nothing(live, analyst, monkeypatch):
    monkeypatch.setattr(endpoint, "SEND_SECONDS", 0.5)
    case = seeds.case(live)
    for _ in range(12):
        seeds.say(live, case, *["bulk." + "x" * 4000] * 100)
    lazy = socket.create_connection(("127.0.0.1", live.settings.api_port))
    lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    token = live.token("lazy", "ops_analyst")
    lazy.sendall(f"GET /v1/cases/{case}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
    streams = live.app.state.services.metrics.streams
    until(lambda: streams._value.get() == 1)
    until(lambda: streams._value.get() == 0)  # cut: the generator is closed, nothing is held for it
    lazy.close()
    assert [int(e["id"]) for e in read(analyst, case, after=1190, stop=11)] == list(range(1191, 1202))


def test_stopping_the_process_ends_streams_and_waits_at_once(postgres, template, tmp_path):
    from ci.local.postgres import API

    with postgres.copy_of(template) as name, running(settings_for(postgres.url(API, name), tmp_path)) as api:
        load_book(api)
        case, client = seeds.case(api), api.client("nina", "ops_analyst")
        threads = [
            threading.Thread(target=lambda: read(client, case)),
            threading.Thread(target=lambda: client.get(f"/v1/cases/{case}", params={"wait": 25})),
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        began = time.monotonic()
        api.server.should_exit = True
        api.server.loop.call_soon_threadsafe(api.server.services.stop)
        for thread in threads:
            thread.join(5)
        assert time.monotonic() - began < 3
