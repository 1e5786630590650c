"""One decision, row by row: who is refused and how, what each verb leaves behind, and what the thread gets of it."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from tests.integration.store.scene import ANN, BEN, DESK, HASH, POLICY, SUE
from workflow_orchestration.domain.canonical import sha256
from workflow_orchestration.domain.errors import (
    AlreadyDecided,
    Conflict,
    Forbidden,
    HashMismatch,
    InvalidRequest,
    NotFound,
    SegregationOfDuties,
    Superseded,
)
from workflow_orchestration.domain.facts import Tier
from workflow_orchestration.domain.roles import Principal, Role
from workflow_orchestration.store import approvals, decide
from workflow_orchestration.store.db import retrying, transaction

PARAMS = {"contact": "c", "template": "STATUS", "reply_within_minutes": 60, "note": ""}
EDITABLE = ["reply_within_minutes", "note"]


async def open_approval(scene, *, tier=Tier.T1, makers=("mia",), editable=EDITABLE):
    """A pending approval of a chaser that its thread waits for."""
    opened = await scene.open()
    proposal = approvals.ProposalRow(
        id=str(uuid4()),
        case_id=opened.case,
        thread_id=opened.thread,
        action="CHASE",
        tier=tier,
        content={"summary": "chase", "params": PARAMS, **({} if editable is None else {"editable": editable})},
        payload_hash=HASH,
        makers=makers,
        seen_seq=0,
    )
    async with transaction(scene.pool) as conn:
        await approvals.put_proposal(conn, proposal)
    interrupt = await scene.waiting(opened, "approval", ref=proposal.id)
    async with transaction(scene.pool) as conn:
        row = await approvals.open_approval(
            conn,
            await approvals.get_proposal(conn, proposal.id),
            interrupt_id=interrupt,
            tier=tier,
            requester=DESK.id,
            policy=POLICY,
        )
    assert row is not None
    return opened, row


async def take(scene, approval, who=ANN, verb="approve", **body):
    """Send a decision with the hash that was shown."""
    sent = {"decision": verb, "payload_hash": HASH, **body}
    return await retrying(scene.pool, lambda c: decide.decide(c, str(approval["id"]), sent, who, POLICY))


async def now(scene, approval):
    [row] = await scene.sql("select * from approvals where id = %(id)s", id=approval["id"])
    return row


async def answers(scene, opened):
    """What the thread goes on with."""
    return [answer for run in await scene.live_runs(opened.thread) for answer in run["payload"]["answers"].values()]


def said(approval, state, **more):
    return {
        "approval_id": str(approval["id"]),
        "case_id": str(approval["case_id"]),
        "state": state,
        "tier": approval["tier"],
        **more,
    }


# -- what each verb does ----------------------------------------------------------------------------------------


async def test_an_approval_that_is_complete_lets_the_thread_go_on_with_the_hash_and_the_people(scene):
    opened, approval = await open_approval(scene, tier=Tier.T2)
    assert await take(scene, approval) == said(approval, "pending", needed=2, approvals=1)
    assert await answers(scene, opened) == []
    assert await take(scene, approval, BEN) == said(approval, "approved", needed=2, approvals=2)
    assert await answers(scene, opened) == [
        {"type": "approve", "approval_id": str(approval["id"]), "payload_hash": HASH, "by": ["ann", "ben"]}
    ]
    row = await now(scene, approval)
    assert (row["state"], row["decided_by"], row["superseded_by_what"]) == ("approved", "ben", None)


async def test_a_rejection_ends_it_with_its_reason(scene):
    opened, approval = await open_approval(scene, tier=Tier.T2)
    found = await take(scene, approval, verb="reject", reason_code="WRONG", comment="no")
    assert found == said(approval, "rejected", needed=2)
    assert await answers(scene, opened) == [{"type": "reject", "by": "ann", "reason_code": "WRONG"}]
    row = await now(scene, approval)
    assert (row["state"], row["decided_by"]) == ("rejected", "ann")


async def test_an_edit_withdraws_it_and_hands_over_what_was_changed(scene):
    opened, approval = await open_approval(scene)
    found = await take(scene, approval, verb="edit", comment="sooner", edited_params={"note": "please"})
    assert found == said(approval, "superseded", needed=1, by_what="edit")
    assert await answers(scene, opened) == [{"type": "edit", "by": "ann", "params": {"note": "please"}}]
    row = await now(scene, approval)
    assert (row["state"], row["superseded_by_what"], row["decided_by"]) == ("superseded", "edit", None)


@pytest.mark.parametrize(("asked", "role"), [({}, "ops_analyst"), ({"to_role": "desk_head"}, "desk_head")])
async def test_a_question_withdraws_it_and_says_whom_it_asks_what(asked, role, scene):
    opened, approval = await open_approval(scene)
    found = await take(scene, approval, verb="request_info", comment="which leg?", **asked)
    assert found == said(approval, "superseded", needed=1, by_what="request_info")
    assert await answers(scene, opened) == [{"type": "request_info", "by": "ann", "role": role, "text": "which leg?"}]
    assert (await now(scene, approval))["superseded_by_what"] == "request_info"


@pytest.mark.parametrize(
    ("tier", "above", "who", "told"),
    [(Tier.T1, "T2", ANN, None), (Tier.T2, "T3", ANN, None), (Tier.T3, "T3", SUE, "ops_supervisor")],
)
async def test_an_escalation_opens_it_anew_one_tier_up_and_resumes_nothing(tier, above, who, told, scene):
    opened, approval = await open_approval(scene, tier=tier)
    found = await take(scene, approval, who, "escalate", comment="too big for me")
    successor = await scene.sql("select * from approvals where state = 'pending'")
    assert [(s["tier"], s["requester"], s["interrupt_id"]) for s in successor] == [
        (above, DESK.id, approval["interrupt_id"])
    ]
    needed = 1 if tier is Tier.T1 else 2
    assert found == {
        **said(approval, "superseded", needed=needed),
        "successor": str(successor[0]["id"]),
        "tier": above,
    }
    row = await now(scene, approval)
    assert (row["state"], row["superseded_by_what"], row["successor"]) == (
        "superseded",
        "escalate",
        successor[0]["id"],
    )
    assert (await answers(scene, opened), (await scene.case(opened.case))["owner_role"]) == ([], told)


# -- what is kept -----------------------------------------------------------------------------------------------


async def test_a_decision_is_kept_as_it_was_sent_with_its_person_and_its_answer(scene):
    _, approval = await open_approval(scene, tier=Tier.T2)
    answer = await take(scene, approval, SUE, comment="looked")
    body = {"decision": "approve", "payload_hash": HASH, "comment": "looked"}
    [row] = await scene.sql("select approval_id, actor, roles, decision, body, body_sha, answer from decisions")
    assert row == {
        "approval_id": approval["id"],
        "actor": "sue",
        "roles": ["ops_analyst", "ops_supervisor"],
        "decision": "approve",
        "body": body,
        "body_sha": sha256(body),
        "answer": answer,
    }


async def test_a_decision_is_told_in_the_log(scene):
    opened, approval = await open_approval(scene)
    await take(scene, approval, verb="edit", comment="sooner", edited_params={"note": "please"})
    entry = (await scene.entries(opened.case))[-1]
    assert (entry["type"], entry["actor"]) == ("approval.decided", ANN.actor())
    assert entry["data"] == {
        "approval_id": str(approval["id"]),
        "decision": "edit",
        "payload_hash": HASH,
        "reason_code": None,
        "comment": "sooner",
        "edited_params": {"note": "please"},
        "state": "superseded",
    }


async def test_what_was_checked_about_the_person_and_the_hash_is_kept_with_the_proposal(scene):
    _, approval = await open_approval(scene)
    await take(scene, approval)
    found = await scene.sql("select stage, validator, version, outcome, detail from validations order by validator")
    assert [tuple(f.values()) for f in found] == [
        ("decision", "V12", "1.0", "PASS", "ann is neither requester, maker nor earlier decider"),
        ("decision", "V14", "1.0", "PASS", "the hash shown is the hash proposed"),
    ]


async def test_the_same_decision_sent_again_gets_the_same_answer_and_does_nothing(scene):
    opened, approval = await open_approval(scene)
    first = await take(scene, approval)
    entries = await scene.entries(opened.case)
    assert await take(scene, approval) == first
    assert await scene.entries(opened.case) == entries


# -- who is refused ---------------------------------------------------------------------------------------------


async def test_what_another_desk_may_not_see_is_not_there(scene):
    _, approval = await open_approval(scene)
    with pytest.raises(NotFound):
        await take(scene, approval, replace(ANN, desks=frozenset({"bonds"})))


@pytest.mark.parametrize("roles", [{Role.OPS_ANALYST}, {Role.COMPLIANCE}, {Role.SSI_CONTROLLER}])
async def test_who_holds_none_of_the_tiers_roles_is_told_which_are_needed(roles, scene):
    _, approval = await open_approval(scene)
    with pytest.raises(Forbidden) as caught:
        await take(scene, approval, replace(ANN, roles=frozenset(roles)))
    assert caught.value.detail == "a T1 approval needs one of: ops_approver, ops_supervisor"
    assert caught.value.extra == {"required_roles": ["ops_approver", "ops_supervisor"]}


@pytest.mark.parametrize(
    ("who", "words"),
    [(DESK.id, "you requested this case"), ("mia", "you made part of what is proposed")],
)
async def test_requester_and_maker_may_not_decide_and_are_told_why(who, words, scene):
    _, approval = await open_approval(scene)
    with pytest.raises(SegregationOfDuties, match=f"^{words}, so you may not decide on it$"):
        await take(scene, approval, replace(ANN, id=who))


async def test_who_decided_otherwise_before_is_told_what(scene):
    _, approval = await open_approval(scene, tier=Tier.T2)
    await take(scene, approval)
    with pytest.raises(SegregationOfDuties, match=r"^you decided approve before; one person decides once$"):
        await take(scene, approval, comment="once more")


async def test_another_hash_than_is_proposed_is_refused_and_none_at_all_is_a_wrong_body(scene):
    _, approval = await open_approval(scene)
    with pytest.raises(HashMismatch, match=r"^payload_hash is not the hash of what is proposed now$"):
        await take(scene, approval, payload_hash="sha256:other")
    with pytest.raises(InvalidRequest):
        await retrying(
            scene.pool, lambda c: decide.decide(c, str(approval["id"]), {"decision": "approve"}, ANN, POLICY)
        )
    assert (await now(scene, approval))["state"] == "pending"


# -- what is not open any more ------------------------------------------------------------------------------------


async def test_a_replaced_approval_names_what_replaced_it_and_where_it_is(scene):
    _, approval = await open_approval(scene)
    await take(scene, approval, verb="escalate", comment="x")
    successor = str((await now(scene, approval))["successor"])
    with pytest.raises(Superseded, match=r"^this approval was replaced \(escalate\)$") as caught:
        await take(scene, approval, BEN)
    assert caught.value.extra == {"successor": successor, "location": f"/v1/approvals/{successor}"}


async def test_a_withdrawn_approval_without_a_successor_names_none(scene):
    _, approval = await open_approval(scene)
    await take(scene, approval, verb="request_info", comment="x")
    with pytest.raises(Superseded) as caught:
        await take(scene, approval, BEN)
    assert caught.value.extra == {"successor": None, "location": None}


async def test_the_approval_of_an_ended_case_leaves_nothing_to_decide(scene):
    opened, approval = await open_approval(scene)
    async with transaction(scene.pool) as conn:
        await approvals.cancel_of_thread(conn, opened.thread)
    with pytest.raises(Conflict, match=r"^the case was ended before anybody decided$") as caught:
        await take(scene, approval)
    assert caught.value.fix == "Nothing is left to decide."


async def test_a_decided_approval_says_who_decided_and_when(scene):
    _, approval = await open_approval(scene)
    await take(scene, approval, verb="reject", reason_code="NO", comment="no")
    with pytest.raises(AlreadyDecided) as caught:
        await take(scene, approval, BEN)
    at = (await now(scene, approval))["decided_at"]
    assert caught.value.detail == f"rejected by ann at {at:%Y-%m-%dT%H:%M:%SZ}"
    assert caught.value.extra == {"decided_by": "ann", "decided_at": at.isoformat()}


# -- edits ------------------------------------------------------------------------------------------------------


async def test_a_field_that_code_fills_in_cannot_be_edited_and_each_is_named(scene):
    _, approval = await open_approval(scene)
    changed = {"template": "ABSENT", "contact": "mine", "note": "x"}
    with pytest.raises(InvalidRequest, match=r"^edited_params\.contact cannot be edited$") as caught:
        await take(scene, approval, verb="edit", comment="x", edited_params=changed)
    assert caught.value.fix == "Editable: note, reply_within_minutes."
    assert caught.value.extra["errors"] == [
        {"field": "edited_params.contact", "cause": "not editable"},
        {"field": "edited_params.template", "cause": "not editable"},
    ]


@pytest.mark.parametrize("editable", [[], None])
async def test_where_nothing_can_be_edited_that_is_said(editable, scene):
    _, approval = await open_approval(scene, editable=editable)
    with pytest.raises(InvalidRequest) as caught:
        await take(scene, approval, verb="edit", comment="x", edited_params={"note": "x"})
    assert caught.value.fix == "Editable: nothing."


async def test_an_edited_value_must_fit_the_action_together_with_the_others(scene):
    _, approval = await open_approval(scene)
    with pytest.raises(InvalidRequest, match="reply_within_minutes"):
        await take(scene, approval, verb="edit", comment="x", edited_params={"reply_within_minutes": 1})
    assert (await now(scene, approval))["state"] == "pending"


@pytest.mark.parametrize("tier", [Tier.T3])
async def test_a_tier_that_needs_a_senior_waits_for_one(tier, scene):
    _, approval = await open_approval(scene, tier=tier)
    states = [(await take(scene, approval, who))["state"] for who in (ANN, BEN)]
    senior = Principal("ssi", frozenset({Role.SSI_CONTROLLER}), frozenset({"equities"}))
    assert [*states, (await take(scene, approval, senior))["state"]] == ["pending", "pending", "approved"]
