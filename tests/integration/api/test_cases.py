from __future__ import annotations

import threading
import time

import pytest

from tests.integration.api import seeds
from tests.integration.api.live import sample
from workflow_orchestration.api import streams

OPENING = {"workflow": "settlement", "account": "SAFE-0001", "reference": "WO-1004"}


def test_a_case_is_opened_for_an_instruction_of_the_book_once(analyst):
    first = analyst.post("/v1/cases", json=OPENING)
    again = analyst.post("/v1/cases", json=OPENING)
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["id"] == again.json()["id"]
    assert first.json()["key"] == "SAFE-0001/WO-1004"
    assert first.json()["desk"] == "rates"
    assert first.headers["Location"] == f"/v1/cases/{first.json()['id']}"


def test_a_later_message_joins_a_case_opened_without_one(analyst):
    opened = analyst.post("/v1/cases", json={**OPENING, "reference": "WO-1003"})
    posted = analyst.post(
        "/v1/messages", content=sample("mt548-pend-lack-WO-1003"), headers={"Content-Type": "text/plain"}
    )
    assert posted.json()["items"][0]["case_id"] == opened.json()["id"]


BAD_OPENINGS = {
    "unknown reference": ({"reference": "NO-SUCH"}, 422, "reference"),
    "unknown workflow": ({"workflow": "w9"}, 422, "workflow"),
    "empty account": ({"account": ""}, 422, "account"),
    "deadline without offset": ({"expires_at": "2026-11-24T10:00:00"}, 422, "expires_at"),
    "unknown field": ({"amount": 1}, 422, "amount"),
}


@pytest.mark.parametrize(("change", "status", "field"), BAD_OPENINGS.values(), ids=BAD_OPENINGS)
def test_an_opening_names_its_wrong_field(analyst, change, status, field):
    answer = analyst.post("/v1/cases", json={**OPENING, **change})
    assert answer.status_code == status
    assert [e["field"] for e in answer.json()["errors"]] == [field]


def test_an_account_of_another_desk_does_not_exist(live):
    stranger = live.client("eva", "ops_analyst", desks="equities")
    assert stranger.post("/v1/cases", json=OPENING).status_code == 404


def ensure(client, key, owner="ti-1", **more):
    return client.post(
        "/v1/cases:ensure",
        json={
            "workflow": "settlement",
            "key": key,
            "owner": owner,
            "desk": "rates",
            "restart_on": ["failed", "cancelled", "expired"],
            **more,
        },
    )


@pytest.fixture(scope="module")
def airflow(live):
    return live.client("airflow", "airflow")


def test_ensure_creates_then_attaches_and_moves_the_owner(airflow):
    created = ensure(airflow, "af/1")
    attached = ensure(airflow, "af/1", owner="ti-2")
    assert (created.status_code, created.json()["what"]) == (202, "created")
    assert (attached.status_code, attached.json()["what"], attached.json()["owner"]) == (200, "attached", "ti-2")
    late = airflow.post(f"/v1/cases/{created.json()['id']}/cancel", json={"owner": "ti-1"})
    assert (late.status_code, late.json()["type"]) == (409, "NotOwner")


@pytest.mark.parametrize(
    ("ended", "status", "what"),
    [
        ("failed", 202, "restarted"),
        ("cancelled", 202, "restarted"),
        ("expired", 202, "restarted"),
        ("resolved", 200, "attached"),
        ("rejected", 200, "attached"),
    ],
)
def test_ensure_restarts_only_what_failed(airflow, live, ended, status, what):
    case = ensure(airflow, f"af/end/{ended}").json()
    seeds.end(live, case["id"], ended)
    again = ensure(airflow, f"af/end/{ended}", owner="ti-2")
    assert (again.status_code, again.json()["what"]) == (status, what)
    assert again.json()["attempt"] == (2 if what == "restarted" else 1)


def test_ensure_needs_a_desk_when_the_caller_has_not_exactly_one(airflow, live):
    asked = {"workflow": "settlement", "key": "af/desk", "owner": "ti-1"}
    assert airflow.post("/v1/cases:ensure", json=asked).json()["errors"][0]["field"] == "desk"
    one = live.client("airflow-rates", "airflow", desks="rates").post("/v1/cases:ensure", json=asked)
    assert one.json()["desk"] == "rates"
    assert live.client("eva", "airflow", desks="equities").post("/v1/cases:ensure", json=asked).status_code == 404


def test_ensure_takes_no_case_of_an_account_of_another_desk(airflow, live):
    """Messages would join it under that key, and their content would be shown to the wrong desk."""
    asked = {"workflow": "settlement", "key": "SAFE-0002/WO-9004", "owner": "ti-1"}
    refused = live.client("airflow-rates", "airflow", desks="rates").post("/v1/cases:ensure", json=asked)
    assert (refused.status_code, refused.json()["type"]) == (404, "NotFound")
    assert "SAFE-0002" in refused.json()["detail"]
    mine = ensure(airflow, "SAFE-0002/WO-9004", desk="equities")
    assert (mine.status_code, mine.json()["account"], mine.json()["desk"]) == (202, "SAFE-0002", "equities")


def test_the_owner_cancels_and_a_second_cancel_says_the_same(airflow):
    case = ensure(airflow, "af/cancel").json()
    for _ in range(2):
        answer = airflow.post(f"/v1/cases/{case['id']}/cancel", json={"owner": "ti-1", "comment": "no longer needed"})
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")


def test_cancelling_an_ended_case_is_a_conflict(analyst, live):
    case = seeds.case(live)
    seeds.end(live, case)
    assert analyst.post(f"/v1/cases/{case}/cancel", json={}).status_code == 409


def test_the_queue_is_paged_without_gap_or_repeat(analyst, live):
    mine = {seeds.case(live, desk="paging") for _ in range(5)}
    seen, cursor = [], None
    while True:
        page = analyst.get("/v1/cases", params={"desk": "paging", "limit": 2, **({"cursor": cursor} if cursor else {})})
        seen += [c["id"] for c in page.json()["items"]]
        cursor = page.json()["next"]
        if cursor is None:
            break
    assert len(seen) == 5
    assert set(seen) == mine


def test_many_cases_are_asked_for_by_id_and_foreign_ones_are_missing(live):
    mine, other = seeds.case(live), seeds.case(live, desk="equities")
    reader = live.client("rita", "ops_analyst", desks="rates")
    for params in ({"ids": f"{mine},{other}"}, {"ids": [mine, other]}):
        assert [c["id"] for c in reader.get("/v1/cases", params=params).json()["items"]] == [mine]


def test_a_misspelt_filter_is_refused(analyst):
    answer = analyst.get("/v1/cases", params={"desks": "rates"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "query.desks")


@pytest.mark.parametrize("cursor", ["x", "WyJhIiwgImIiXQ==", "W10=", "é", "bnVsbA=="])
def test_a_cursor_of_nobodys_making_is_refused(analyst, cursor):
    answer = analyst.get("/v1/cases", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["type"]) == (422, "InvalidRequest")


def test_one_case_shows_everything_known(analyst, live):
    asked = seeds.approval(live)
    case = analyst.get(f"/v1/cases/{asked['case_id']}").json()
    assert case["approvals"][0]["id"] == asked["id"]
    assert case["proposal"]["payload_hash"] == asked["hash"]
    assert case["proposal"]["validations"][0]["validator"] == "V09"
    assert case["diff"][0]["field"] == "isin"
    assert len(case["threads"]) == 1


def test_another_desks_case_does_not_exist_anywhere(live):
    case = seeds.case(live, desk="equities")
    stranger = live.client("rita", "ops_supervisor compliance", desks="rates")
    calls = [
        ("GET", ""),
        ("GET", "/events"),
        ("POST", "/cancel"),
        ("POST", "/reopen"),
        ("POST", "/assign"),
        ("POST", "/comments"),
        ("POST", "/hold"),
    ]
    bodies = {
        "/hold": {"held": True, "comment": "x"},
        "/reopen": {"comment": "x"},
        "/assign": {"assignee": "x"},
        "/comments": {"text": "x"},
    }
    for method, path in calls:
        answer = stranger.request(
            method, f"/v1/cases/{case}{path}", **({"json": bodies.get(path, {})} if method == "POST" else {})
        )
        assert (path, answer.status_code) == (path, 404)
    assert stranger.get(f"/v1/log/cases/{case}").status_code == 404


def test_a_wait_ends_with_the_case(analyst, live):
    case = seeds.case(live)
    threading.Timer(0.4, seeds.end, (live, case)).start()
    began = time.monotonic()
    answer = analyst.get(f"/v1/cases/{case}", params={"wait": 20})
    assert answer.json()["status"] == "resolved"
    assert 0.3 < time.monotonic() - began < 5


def test_a_wait_hears_at_once_of_an_end_that_came_through_the_api(analyst, live, monkeypatch):
    monkeypatch.setattr(streams, "_POLL_SECONDS", 60)  # so that only the bell can have told it
    case = seeds.case(live)
    threading.Timer(0.3, lambda: live.client("otis", "ops_analyst").post(f"/v1/cases/{case}/cancel", json={})).start()
    began = time.monotonic()
    assert analyst.get(f"/v1/cases/{case}", params={"wait": 20}).json()["status"] == "cancelled"
    assert time.monotonic() - began < 15  # it would have been told after 20 s


def test_a_wait_on_an_ended_case_does_not_wait_and_an_open_one_is_shown_after_it(analyst, live):
    ended, still_open = seeds.case(live), seeds.case(live)
    seeds.end(live, ended)
    began = time.monotonic()
    assert analyst.get(f"/v1/cases/{ended}", params={"wait": 20}).json()["status"] == "resolved"
    assert analyst.get(f"/v1/cases/{still_open}", params={"wait": 0.3}).json()["status"] == "open"
    assert time.monotonic() - began < 3


def test_a_wait_is_at_most_25_seconds(analyst, live):
    assert analyst.get(f"/v1/cases/{seeds.case(live)}", params={"wait": 26}).status_code == 422


def test_only_an_ended_case_is_reopened_in_its_next_thread(analyst, live):
    case = seeds.case(live)
    assert analyst.post(f"/v1/cases/{case}/reopen", json={"comment": "why"}).status_code == 409
    seeds.end(live, case)
    answer = analyst.post(f"/v1/cases/{case}/reopen", json={"comment": "wrong trade confirmed"})
    assert (answer.status_code, answer.json()["status"]) == (200, "open")
    assert [t["n"] for t in analyst.get(f"/v1/cases/{case}").json()["threads"]] == [1, 2]


def test_an_unassigned_case_is_moved_by_who_sees_both_desks(live):
    case = seeds.case(live, desk="unassigned")
    rates = live.client("rita", "ops_analyst", desks="rates")
    assert rates.post(f"/v1/cases/{case}/assign", json={"desk": "equities"}).status_code == 403
    moved = rates.post(f"/v1/cases/{case}/assign", json={"desk": "rates", "assignee": "rita"})
    assert (moved.json()["desk"], moved.json()["assignee"]) == ("rates", "rita")
    assert seeds.entries(live, case)[-1]["type"] == "case.assigned"


def test_a_case_is_not_moved_to_a_desk_nobody_has(analyst, live):
    answer = analyst.post(f"/v1/cases/{seeds.case(live)}/assign", json={"desk": "ratse"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "desk")


def test_an_assignment_of_nothing_is_refused(analyst, live):
    assert analyst.post(f"/v1/cases/{seeds.case(live)}/assign", json={}).status_code == 422


def test_a_comment_becomes_a_log_entry_of_its_author(analyst, live):
    case = seeds.case(live)
    answer = analyst.post(f"/v1/cases/{case}/comments", json={"text": "custodian phoned"})
    last = seeds.entries(live, case)[-1]
    assert (answer.status_code, answer.json()["seq"]) == (201, last["seq"])
    assert (last["type"], last["actor"]["id"], last["data"]) == ("case.comment", "nina", {"text": "custodian phoned"})


def test_a_hold_is_set_and_ended_by_compliance_and_logged(analyst, live):
    case = seeds.case(live)
    counsel = live.client("cleo", "compliance")
    for held, entry in ((True, "case.held"), (False, "case.hold_ended")):
        said = {"held": held, "comment": "dispute 4711"}
        assert counsel.post(f"/v1/cases/{case}/hold", json=said).json()["legal_hold"] is held
        last = analyst.get(f"/v1/cases/{case}/events", params={"after": 0}, headers={"Accept": "application/json"})
        assert (last.json()["items"][-1]["type"], last.json()["items"][-1]["data"]["why"]) == (entry, "dispute 4711")
    assert analyst.get(f"/v1/cases/{case}").json()["legal_hold"] is False
    assert analyst.post(f"/v1/cases/{case}/hold", json=said).status_code == 403
