from __future__ import annotations

import json

import httpx
import pytest

HASH = "sha256:4f1c"
ANSWER = {"approval_id": "a1", "case_id": "c1", "state": "pending", "tier": "T2", "needed": 2, "approvals": 1}
APPROVAL = {
    "id": "a1", "case_id": "c1", "state": "pending", "tier": "T2", "needed": 2, "action": "CANCEL_REPLACE",
    "required_roles": ["ops_approver"], "payload_hash": HASH, "summary": "replace WO-1001 with the booked amount",
    "params": {"reference": "WO-1001"}, "editable": ["comment"], "allowed_decisions": ["approve", "reject"],
    "diff": [{"field": "amount", "ours": "EUR 100,", "theirs": "EUR 110,", "source": "MT548 line 12"}],
    "evidence": [{"kind": "message", "id": "m1", "lines": "3-20"}],
    "validations": [{"validator": "V09", "stage": "proposal", "outcome": "PASS", "detail": "no hit"}],
    "decisions": [{"actor": "anna", "decision": "approve", "at": "2026-11-24T10:00:00Z", "comment": None}],
    "content": {"steps": [{"name": "cancel", "kind": "message", "type": "541", "to": "CUSTBEBB", "payload": "{1:F01.."},
                          {"name": "replace", "kind": "message", "type": "541", "to": "CUSTBEBB", "payload": "{2:I5"}]},
}  # fmt: skip


def decided(wo, *argv):
    wo.answers(httpx.Response(200, json=ANSWER))
    ended = wo("approvals", "decide", "a1", *argv)
    return ended, [(r.method, r.url.path) for r in wo.requests]


def test_a_decision_is_one_post_and_nothing_is_fetched(wo):
    ended, calls = decided(wo, "approve", "--hash", HASH)
    assert ended.code == 0
    assert calls == [("POST", "/v1/approvals/a1/decisions")]
    assert json.loads(wo.requests[0].content) == {"decision": "approve", "payload_hash": HASH}


def test_a_decision_without_the_hash_is_not_sent(wo):
    ended, calls = decided(wo, "approve")
    assert (ended.code, calls) == (2, [])


@pytest.mark.parametrize(
    ("argv", "body"),
    [
        (["reject", "--reason", "WRONG_CAUSE", "--comment", "matched"],
         {"decision": "reject", "reason_code": "WRONG_CAUSE", "comment": "matched"}),
        (["edit", "--set", "settlement_date=2026-11-25", "--set", "hold=true", "--comment", "per SSI"],
         {"decision": "edit", "edited_params": {"settlement_date": "2026-11-25", "hold": True}, "comment": "per SSI"}),
        (["escalate", "--comment", "too large for me"], {"decision": "escalate", "comment": "too large for me"}),
        (["request-info", "--to-role", "ops_analyst", "--comment", "which SSI?"],
         {"decision": "request_info", "to_role": "ops_analyst", "comment": "which SSI?"}),
    ],
)  # fmt: skip
def test_every_verb_sends_its_own_body(wo, argv, body):
    decided(wo, argv[0], "--hash", HASH, *argv[1:])
    assert json.loads(wo.requests[0].content) == {"payload_hash": HASH, **body}


def test_how_many_approvals_there_are_is_said(wo):
    ended, _ = decided(wo, "approve", "--hash", HASH)
    assert "pending (1 of 2 approvals)" in ended.out


def test_a_stale_hash_is_told_as_the_platform_tells_it(wo):
    wo.answers(httpx.Response(410, json={"type": "Superseded", "detail": "replaced (edit)", "fix": "Open it.",
                                         "successor": "a2"}))  # fmt: skip
    ended = wo("approvals", "decide", "a1", "approve", "--hash", HASH)
    assert ended.code == 1
    assert "successor: a2" in ended.err


def test_show_has_all_that_a_decision_rests_on(wo):
    wo.answers(httpx.Response(200, json=APPROVAL))
    out = wo("approvals", "show", "a1").out
    for part in ("Difference", "EUR 110,", "Evidence", "3-20", "V09", "{1:F01..", "{2:I5", "anna", "replace WO-1001"):
        assert part in out
    assert out.rstrip().endswith(HASH)


def test_an_id_cannot_name_another_endpoint(wo):
    wo.answers(httpx.Response(200, json=APPROVAL))
    wo("approvals", "show", "../cases", "--json")
    assert wo.requests[0].url.raw_path == b"/v1/approvals/..%2Fcases"
