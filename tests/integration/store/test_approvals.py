"""Approvals as rows: one pending an interrupt, named successors, and timers that come with each."""

from __future__ import annotations

import asyncio

from tests.integration.store.scene import ANN, BEN, DESK, HASH, POLICY
from workflow_orchestration.domain.facts import Outcome, Tier
from workflow_orchestration.store import approvals, decide
from workflow_orchestration.store.approvals import Policy
from workflow_orchestration.store.db import retrying, transaction


async def open_again(scene, approval, tier=Tier.T2, policy=POLICY):
    async def work(conn):
        proposal = await approvals.get_proposal(conn, str(approval["proposal_id"]))
        return await approvals.open_approval(
            conn, proposal, interrupt_id=approval["interrupt_id"], tier=tier, requester=DESK.id, policy=policy
        )

    return await retrying(scene.pool, work)


async def supersede(scene, approval):
    async with transaction(scene.pool) as conn:
        return await approvals.supersede_pending(conn, approval["interrupt_id"], "refresh")


async def test_an_interrupt_has_one_pending_approval(scene):
    approval = await scene.approval(await scene.open())
    assert await asyncio.gather(*(open_again(scene, approval) for _ in range(4))) == [None] * 4
    assert len(await scene.sql("select 1 from approvals")) == 1


async def test_a_superseded_approval_names_the_one_that_replaced_it(scene):
    approval = await scene.approval(await scene.open())
    await supersede(scene, approval)
    successor = await open_again(scene, approval)
    [old] = await scene.sql("select state, successor from approvals where id = %(id)s", id=approval["id"])
    assert (old["state"], old["successor"]) == ("superseded", successor["id"])


async def test_what_is_not_pending_cannot_be_superseded(scene):
    approval = await scene.approval(await scene.open())
    assert await supersede(scene, approval) is not None
    assert await supersede(scene, approval) is None


async def test_an_approval_comes_with_its_warning_and_its_expiry(scene):
    approval = await scene.approval(await scene.open())
    timers = await scene.sql(
        "select payload, round(extract(epoch from not_before - now()) / 60) as minutes from work_items "
        "where kind = 'deadline' order by not_before"
    )
    assert [(t["payload"]["what"], t["minutes"]) for t in timers] == [
        ("approval_expiring", 45),
        ("approval_expiry", 60),
    ]
    assert {t["payload"]["ref"] for t in timers} == {str(approval["id"])}


async def test_an_opened_approval_is_told_to_every_webhook(scene):
    hooks = Policy(60, 15, ("http://one", "http://two"))
    await scene.approval(await scene.open(), policy=hooks)
    found = await scene.sql("select receiver, type, kind, source from effects order by step")
    assert [(f["receiver"], f["type"], f["kind"]) for f in found] == [
        ("http://one", "approval.opened", "webhook"),
        ("http://two", "approval.opened", "webhook"),
    ]
    assert len({f["source"] for f in found}) == 1


async def test_a_replayed_node_writes_its_proposal_again_over_the_same_row(scene):
    opened = await scene.open()
    proposal_id = await scene.proposal(opened)
    row = approvals.ProposalRow(
        id=proposal_id,
        case_id=opened.case,
        thread_id=opened.thread,
        action="WAIT",
        tier=Tier.T0,
        content={},
        payload_hash="sha256:other",
        makers=(),
        seen_seq=3,
    )
    async with transaction(scene.pool) as conn:
        await approvals.put_proposal(conn, row)
        assert (await approvals.get_proposal(conn, proposal_id))["action"] == "WAIT"
    assert len(await scene.sql("select 1 from proposals")) == 1


async def test_the_answers_of_a_stage_replace_each_other_and_those_of_other_stages_stay(scene):
    proposal = await scene.proposal(await scene.open())

    def said(validator, outcome):
        return Outcome(validator=validator, version="1.0", outcome=outcome, detail=f"{validator} {outcome}")

    async with transaction(scene.pool) as conn:
        await approvals.put_validations(conn, proposal, "proposal", [said("V09", "PASS"), said("V02", "FAIL")])
        await approvals.put_validations(conn, proposal, "decision", [said("V12", "PASS")])
        await approvals.put_validations(conn, proposal, "proposal", [said("V02", "PASS")])
        await approvals.put_validations(conn, proposal, "delivery", [])
        found = await approvals.validations(conn, proposal)
    assert [(v["stage"], v["validator"], v["outcome"], v["detail"]) for v in found] == [
        ("decision", "V12", "PASS", "V12 PASS"),
        ("proposal", "V02", "PASS", "V02 PASS"),
        ("proposal", "V09", "PASS", "V09 PASS"),
    ]


async def test_who_decided_what_is_kept_in_the_order_of_the_decisions(scene):
    approval = await scene.approval(await scene.open(), tier=Tier.T2)
    for person in (ANN, BEN):
        body = {"decision": "approve", "payload_hash": HASH, "comment": f"{person.id} looked"}
        await retrying(scene.pool, lambda c, p=person, b=body: decide.decide(c, str(approval["id"]), b, p, POLICY))
    async with scene.pool.connection() as conn:
        found = await approvals.decisions(conn, str(approval["id"]))
    assert [(d["actor"], d["decision"], d["body"]["comment"]) for d in found] == [
        ("ann", "approve", "ann looked"),
        ("ben", "approve", "ben looked"),
    ]
