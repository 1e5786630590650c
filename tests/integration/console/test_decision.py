import re

from tests.integration.console import story
from workflow_orchestration.domain.facts import Tier
from workflow_orchestration.store import approvals, log


def _form(on, decision="approve", **more):
    return {"decision": decision, "payload_hash": on.payload_hash, "case_id": on.case_id, **more}


async def _decide(browser, on, *args, **more):
    return await browser.post(f"/approvals/{on.approval_id}/decide", data=_form(on, *args, **more))


async def _state(pool, on):
    async with pool.connection() as conn:
        return (await approvals.get(conn, on.approval_id))["state"]


def _kept_beside_the_form(answer, problem):
    assert f'data-problem="{problem}"' in answer.text
    assert "hx-retarget" not in answer.headers, "a refusal must not replace the form that was typed into"


async def test_the_second_person_completes_what_the_first_began(visit, asked, pool):
    first = await _decide(visit("ann", part=True), asked)
    assert "Your approval is recorded" in first.text
    assert "1 more approval from somebody else" in first.text
    assert await _state(pool, asked) == "pending"
    second = await _decide(visit("bob", part=True), asked, comment="compared with the booked trade")
    assert 'data-decided="approved"' in second.text
    assert second.headers["hx-retarget"] == "#decision"
    assert await _state(pool, asked) == "approved"


async def test_the_form_carries_the_hash_of_what_is_shown(visit, asked):
    page = (await visit("ann").get(f"/cases/{asked.case_id}")).text
    assert set(re.findall(r'name="payload_hash" value="([^"]+)"', page)) == {asked.payload_hash}


async def test_a_hash_that_is_not_the_one_shown_is_a_conflict_and_decides_nothing(visit, asked, pool):
    answer = await _decide(visit("ann", part=True), asked, payload_hash="sha256:stale")
    assert answer.status_code == 409
    _kept_beside_the_form(answer, "HashMismatch")
    assert await _state(pool, asked) == "pending"


async def test_a_form_without_a_hash_decides_nothing(visit, asked, pool):
    answer = await visit("ann", part=True).post(f"/approvals/{asked.approval_id}/decide", data={"decision": "approve"})
    assert answer.status_code == 409
    assert await _state(pool, asked) == "pending"


async def test_requester_and_maker_are_refused_in_place(visit, asked, pool):
    for user in ("u_ingest", "u_maker"):
        answer = await _decide(visit(user, part=True), asked)
        assert answer.status_code == 403, user
        _kept_beside_the_form(answer, "SegregationOfDuties")
    assert await _state(pool, asked) == "pending"


async def test_a_refused_decision_is_in_the_systems_log(visit, asked, pool):
    await _decide(visit("u_maker", part=True), asked)
    async with pool.connection() as conn:
        refused = [e for e in await log.read(conn, log.SYSTEM) if e["type"] == "decision.refused"]
    assert [(e["actor"]["id"], e["data"]["approval_id"]) for e in refused] == [("u_maker", asked.approval_id)]


async def test_a_replaced_approval_names_the_one_that_stands(visit, asked, pool):
    escalated = await _decide(visit("ann", part=True), asked, "escalate", comment="large for us")
    assert "Escalated" in escalated.text
    answer = await _decide(visit("bob", part=True), asked)
    assert answer.status_code == 410
    _kept_beside_the_form(answer, "Superseded")
    assert f'href="/cases/{asked.case_id}#decision"' in answer.text


async def test_a_page_that_shows_a_replaced_approval_says_so_by_itself(visit, asked):
    await _decide(visit("ann", part=True), asked, "escalate", comment="large for us")
    part = (await visit("bob", part=True).get(f"/cases/{asked.case_id}/live?shown={asked.approval_id}")).text
    assert "What this page shows was replaced by a newer approval." in part


async def test_a_decided_approval_says_who_decided(visit, pool):
    async with pool.connection() as conn, conn.transaction():
        on = await story.asked(conn, story.message("mt548-pend-lack-WO-1003"), tier=Tier.T1)
    await _decide(visit("ann", part=True), on)
    answer = await _decide(visit("bob", part=True), on)
    assert answer.status_code == 409
    _kept_beside_the_form(answer, "AlreadyDecided")
    assert "approved by ann" in answer.text


INCOMPLETE = (
    ({"decision": "reject", "reason_code": "OTHER"}, "comment"),
    ({"decision": "reject", "comment": "no"}, "reason_code"),
    ({"decision": "escalate"}, "comment"),
    ({"decision": "request_info", "comment": "who?", "to_role": "nobody"}, "to_role"),
    ({"decision": "perhaps"}, "decision"),
    ({"decision": "edit", "comment": "why"}, "no parameter was changed"),
    ({"decision": "reject", "reason_code": "OTHER", "comment": "a\x00b"}, "comment contains NUL"),
)


async def test_an_incomplete_decision_is_refused_by_field(visit, asked, pool):
    browser = visit("ann", part=True)
    for form, field in INCOMPLETE:
        answer = await _decide(browser, asked, **form)
        assert answer.status_code == 422, form
        _kept_beside_the_form(answer, "InvalidRequest")
        assert field in answer.text
    assert await _state(pool, asked) == "pending"


async def test_an_edit_replaces_the_approval(visit, asked, pool):
    answer = await _decide(
        visit("ann", part=True),
        asked,
        "edit",
        comment="agreed by phone",
        **{"param.cpty_agreement_ref": "call 17", "param.reason_code": "OWN_INPUT_ERROR"},
    )
    assert "Your edit is proposed" in answer.text
    async with pool.connection() as conn:
        body = (await approvals.decisions(conn, asked.approval_id))[0]["body"]
    assert body["edited_params"] == {"cpty_agreement_ref": "call 17"}
    assert await _state(pool, asked) == "superseded"


async def test_a_rejection_keeps_its_reason(visit, asked, pool):
    answer = await _decide(visit("ann", part=True), asked, "reject", reason_code="WRONG_VALUES", comment="see the desk")
    assert 'data-decided="rejected"' in answer.text
    page = (await visit("bob").get(f"/cases/{asked.case_id}")).text
    assert "Wrong values" in page
    assert "see the desk" in page


async def test_a_decision_that_another_site_asks_for_is_refused(visit, asked, pool):
    browser = visit("ann")
    answer = await browser.post(
        f"/approvals/{asked.approval_id}/decide", data=_form(asked), headers={"Origin": "http://elsewhere.test"}
    )
    assert answer.status_code == 403
    assert await _state(pool, asked) == "pending"


async def test_an_approval_of_another_desk_is_not_there(visit, asked):
    answer = await _decide(visit("ann", desks=("rates",), part=True), asked)
    assert answer.status_code == 404


async def test_without_script_the_answer_is_a_page_of_its_own(visit, asked):
    answer = await _decide(visit("ann"), asked)
    assert "<!doctype html>" in answer.text
    assert "Your approval is recorded" in answer.text
