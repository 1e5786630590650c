from __future__ import annotations

import pytest

from tests.integration.api.live import sample

TEXT = {"Content-Type": "text/plain; charset=utf-8"}
NMAT = "mt548-nmat-dmon-WO-1001"


def test_a_message_is_accepted_once_and_opens_a_case(analyst):
    first = analyst.post("/v1/messages", content=sample(NMAT), headers=TEXT)
    again = analyst.post("/v1/messages", content=sample(NMAT), headers=TEXT)
    assert (first.status_code, again.status_code) == (202, 202)
    assert (first.json()["duplicate"], again.json()["duplicate"]) == (False, True)
    assert first.headers["Location"] == again.headers["Location"] == f"/v1/messages/{first.json()['message_id']}"
    assert analyst.get(f"/v1/cases/{first.json()['items'][0]['case_id']}").json()["reference"] == "WO-1001"


def test_a_message_is_found_again_with_its_outcome(analyst):
    posted = analyst.post("/v1/messages", content=sample("mt548-pend-lack-WO-1003"), headers=TEXT)
    found = analyst.get(posted.headers["Location"]).json()
    assert found["raw"] == sample("mt548-pend-lack-WO-1003")
    assert found["items"] == posted.json()["items"]


def test_the_same_idempotency_key_gets_the_stored_answer(analyst):
    headers = {**TEXT, "Idempotency-Key": "batch-7"}
    first = analyst.post("/v1/messages", content=sample("mt548-cand-WO-1002"), headers=headers)
    again = analyst.post("/v1/messages", content=sample("mt548-cand-WO-1002"), headers=headers)
    assert again.json() == first.json()
    assert again.headers["Location"] == first.headers["Location"]


def test_an_idempotency_key_with_another_body_is_refused(analyst):
    headers = {**TEXT, "Idempotency-Key": "batch-8"}
    analyst.post("/v1/messages", content=sample("mt548-mach-WO-1001"), headers=headers)
    other = analyst.post("/v1/messages", content=sample("mt548-pend-prea-WO-1005"), headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "IdempotencyMismatch")


BAD = {
    "empty": (b"", 422, "MessageUnreadable"),
    "not utf-8": (b"{1:F01\xff\xfe", 422, "MessageUnreadable"),
    "NUL": (b"{1:F01\x00", 422, "MessageUnreadable"),
    "binary": (bytes(range(256)), 422, "MessageUnreadable"),
    "truncated": (sample(NMAT)[:-30].encode(), 422, "MessageUnreadable"),
    "16R without 16S": (sample(NMAT).replace(":16S:GENL", "").encode(), 422, "MessageUnreadable"),
    "XML": (b"<?xml version='1.0'?><Document/>", 415, "UnsupportedMessage"),
    "another type": (sample(NMAT).replace("548", "999", 1).encode(), 415, "UnsupportedMessage"),
}


@pytest.mark.parametrize(("content", "status", "kind"), BAD.values(), ids=BAD)
def test_unusable_input_is_named_and_nothing_is_stored(analyst, live, content, status, kind):
    before = _stored(live)
    answer = analyst.post("/v1/messages", content=content, headers=TEXT)
    assert (answer.status_code, answer.json()["type"]) == (status, kind)
    assert answer.json()["fix"]
    assert _stored(live) == before


def _stored(live) -> int:
    async def count(conn):
        return (await (await conn.execute("select count(*) as n from messages")).fetchone())["n"]

    return live.store(count)


def test_a_damaged_message_names_line_and_tag(analyst):
    damaged = sample(NMAT).replace(":16S:GENL", "")
    answer = analyst.post("/v1/messages", content=damaged, headers=TEXT).json()
    assert answer["line"] > 1
    assert "line" in answer["detail"]


@pytest.mark.parametrize("kind", ["application/json", "application/xml", "text/plain; charset=utf-16", ""])
def test_another_content_type_is_refused(analyst, kind):
    answer = analyst.post("/v1/messages", content=b"x", headers={"Content-Type": kind} if kind else {})
    assert (answer.status_code, answer.json()["type"]) == (415, "UnsupportedContent")


def test_a_message_of_another_sender_and_desk_does_not_exist(analyst, live):
    posted = analyst.post("/v1/messages", content=sample("mt548-penf-clac-WO-1004"), headers=TEXT)
    stranger = live.client("eva", "ops_analyst", desks="nowhere")
    assert stranger.get(posted.headers["Location"]).status_code == 404
