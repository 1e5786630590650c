"""The door through which people decide; the order of its checks is part of the promise."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.api import seeds
from workflow_orchestration.domain.facts import Tier
from workflow_orchestration.store.db import one

MISSING = "00000000-0000-0000-0000-000000000000"


def decide(client, asked, decision="approve", **body):
    return client.post(
        f"/v1/approvals/{asked['id']}/decisions", json={"decision": decision, "payload_hash": asked["hash"], **body}
    )


def said(answer):
    return answer.status_code, answer.json().get("type") or answer.json()["state"]


def test_two_different_people_approve_and_the_thread_goes_on(ann, ben, live):
    asked = seeds.approval(live)
    assert said(decide(ann, asked)) == (200, "pending")
    second = decide(ben, asked)
    assert (said(second), second.json()["approvals"]) == ((200, "approved"), 2)
    run = live.store(
        lambda conn: one(
            conn,
            "select payload from work_items where case_id = %(c)s and kind = 'run' and status = 'pending'",
            {"c": asked["case_id"]},
        )
    )
    (answer,) = run["payload"]["answers"].values()
    assert (answer["type"], sorted(answer["by"]), answer["payload_hash"]) == ("approve", ["ann", "ben"], asked["hash"])


def test_everything_shown_before_a_decision(ann, live):
    asked = seeds.approval(live, editable=("note",))
    shown = ann.get(f"/v1/approvals/{asked['id']}").json()
    assert (shown["payload_hash"], shown["needed"], shown["tier"]) == (asked["hash"], 2, "T2")
    assert shown["required_roles"] == ["ops_approver", "ops_supervisor"]
    assert (shown["params"], shown["editable"]) == ({"note": "please match"}, ["note"])
    assert shown["allowed_decisions"] == ["approve", "edit", "reject", "escalate", "request_info"]
    assert [v["validator"] for v in shown["validations"]] == ["V09"]


def test_who_has_decided_is_shown_and_may_not_decide_again(ann, live):
    asked = seeds.approval(live)
    decide(ann, asked)
    shown = ann.get(f"/v1/approvals/{asked['id']}").json()
    assert [(d["actor"], d["decision"]) for d in shown["decisions"]] == [("ann", "approve")]
    assert shown["allowed_decisions"] == []


def test_pending_approvals_are_listed_and_others_when_asked_for(ann, ben, live):
    asked, other = seeds.approval(live), seeds.approval(live)
    decide(ann, other), decide(ben, other)
    pending = [a["id"] for a in ann.get("/v1/approvals").json()["items"]]
    assert asked["id"] in pending
    assert other["id"] not in pending
    done = ann.get("/v1/approvals", params={"state": "approved", "case_id": other["case_id"]}).json()["items"]
    assert [a["id"] for a in done] == [other["id"]]


def test_another_desk_is_told_before_anything_else_that_there_is_nothing(live):
    asked = seeds.approval(live, desk="equities")
    stranger = live.client("mary", "ops_approver", desks="rates")
    assert said(decide(stranger, {**asked, "hash": "wrong"}, "nonsense")) == (404, "NotFound")
    assert said(decide(stranger, {"id": MISSING, "hash": ""})) == (404, "NotFound")


def test_the_role_is_checked_before_the_person(live):
    requester = live.client("u_desk", "compliance")
    assert said(decide(requester, seeds.approval(live))) == (403, "Forbidden")


@pytest.mark.parametrize("user", ["u_desk", "maker"])
def test_requester_and_maker_are_refused_before_the_hash_is_looked_at(live, user):
    asked = seeds.approval(live)
    answer = decide(live.client(user, "ops_approver"), {**asked, "hash": "wrong"})
    assert said(answer) == (403, "SegregationOfDuties")


def test_the_same_decision_again_gets_the_stored_answer_even_when_all_is_over(ann, ben, live):
    asked = seeds.approval(live)
    first = decide(ann, asked)
    decide(ben, asked)
    again = decide(ann, asked)
    assert (again.status_code, again.json()) == (200, first.json())


def test_a_second_different_decision_of_one_person_is_refused(ann, live):
    asked = seeds.approval(live)
    decide(ann, asked)
    assert said(decide(ann, asked, "reject", reason_code="X", comment="y")) == (403, "SegregationOfDuties")


def test_a_superseded_approval_is_gone_and_names_its_successor(ann, ben, live):
    asked = seeds.approval(live)
    escalated = decide(ann, asked, "escalate", comment="too large for us")
    answer = decide(ben, {**asked, "hash": "wrong"})
    assert said(answer) == (410, "Superseded")
    assert answer.json()["successor"] == escalated.json()["successor"]
    assert answer.headers["Location"] == f"/v1/approvals/{escalated.json()['successor']}"
    assert ben.get(answer.headers["Location"]).json()["tier"] == "T3"


def test_a_decided_approval_says_who_and_when_before_the_hash_is_looked_at(ann, ben, live, supervisor):
    asked = seeds.approval(live)
    decide(ann, asked), decide(ben, asked)
    answer = decide(supervisor, {**asked, "hash": "wrong"})
    assert said(answer) == (409, "AlreadyDecided")
    assert answer.json()["decided_by"] == "ben"
    assert answer.json()["decided_at"]


def test_a_stale_hash_is_refused_before_the_body_is_judged(ann, live):
    asked = seeds.approval(live)
    answer = ann.post(f"/v1/approvals/{asked['id']}/decisions", json={"decision": "?", "payload_hash": "sha256:old"})
    assert said(answer) == (409, "HashMismatch")


BAD_BODIES = {
    "no hash": ({"decision": "approve"}, "payload_hash"),
    "unknown verb": ({"decision": "maybe", "payload_hash": "HASH"}, "decision"),
    "reject without a reason": ({"decision": "reject", "payload_hash": "HASH", "comment": "no"}, "decision"),
    "edit without fields": ({"decision": "edit", "payload_hash": "HASH", "comment": "no"}, "decision"),
    "unknown field": ({"decision": "approve", "payload_hash": "HASH", "amount": 5}, "amount"),
    "a field nobody may edit": (
        {"decision": "edit", "payload_hash": "HASH", "comment": "x", "edited_params": {"quantity": 1.5}},
        "edited_params.quantity",
    ),
}


@pytest.mark.parametrize(("body", "field"), BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_body_is_judged_last_and_its_field_named(ann, live, body, field):
    asked = seeds.approval(live)
    sent = {k: asked["hash"] if v == "HASH" else v for k, v in body.items()}
    answer = ann.post(f"/v1/approvals/{asked['id']}/decisions", json=sent)
    assert said(answer) == (422, "InvalidRequest")
    assert field in [e["field"] for e in answer.json()["errors"]]
    assert ann.get(f"/v1/approvals/{asked['id']}").json()["decisions"] == []


@pytest.mark.parametrize("content", [b"", b"[]", b'"approve"', b"null", b"{", b'{"decision": NaN}'])
def test_a_decision_that_is_no_object_is_refused(ann, live, content):
    answer = ann.post(
        f"/v1/approvals/{seeds.approval(live)['id']}/decisions",
        content=content,
        headers={"Content-Type": "application/json"},
    )
    assert said(answer) == (422, "InvalidRequest")


def test_refused_decisions_are_logged_with_who_and_why(live):
    asked = seeds.approval(live)
    decide(live.client("u_desk", "ops_approver"), asked)
    decide(live.client("audrey", "auditor"), asked)
    refused = [e for e in seeds.entries(live, "system") if e["data"].get("approval_id") == asked["id"]]
    assert [(e["type"], e["actor"]["id"], e["data"]["type"]) for e in refused] == [
        ("decision.refused", "u_desk", "SegregationOfDuties"),
        ("decision.refused", "audrey", "Forbidden"),
    ]


def test_a_stop_is_decided_by_compliance_alone(ann, live):
    asked = seeds.approval(live, tier=Tier.STOP)
    assert said(decide(ann, asked)) == (403, "Forbidden")
    assert said(decide(live.client("carl", "compliance"), asked)) == (200, "approved")


def test_many_approvals_at_once_count_each_person_once(live):
    asked = seeds.approval(live)
    people = [live.client(f"p{n}", "ops_approver") for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda client: said(decide(client, asked)), people))
    assert sorted(answers) == [(200, "approved"), (200, "pending"), *[(409, "AlreadyDecided")] * 6]
