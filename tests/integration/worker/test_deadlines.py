"""Timers: an expired approval goes up, undecided; a wait times out once; a case ends only at its own deadline."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.integration.store.scene import ANN, DESK, HASH, POLICY
from workflow_orchestration.domain.canonical import plain
from workflow_orchestration.domain.errors import LeaseLost, PlatformError
from workflow_orchestration.domain.facts import Tier
from workflow_orchestration.store import cases, decide, log, threads, work
from workflow_orchestration.store.approvals import Policy
from workflow_orchestration.store.db import retrying, transaction
from workflow_orchestration.worker import deadlines

HOOK = Policy(60, 15, ("http://hook",))


@pytest.fixture
async def opened(scene):
    return await scene.open()


async def timer(scene, opened, what, ref=""):
    """A claimed timer of this kind, due now."""
    await scene.sql("update work_items set not_before = now() + interval '1 day' where status = 'pending'")
    async with transaction(scene.pool) as conn:
        await work.insert_in(conn, "deadline", seconds=0, case_id=opened.case, payload={"what": what, "ref": ref})
    [item] = await scene.claim()
    return item


async def fire(scene, opened, what, ref="", policy=POLICY):
    item = await timer(scene, opened, what, ref)
    await retrying(scene.pool, lambda c: deadlines.run(c, item, policy))
    assert (await scene.item(str(item["id"])))["status"] == "done"


async def approvals_of(scene):
    return await scene.sql("select * from approvals order by opened_at, id")


async def approve(scene, approval, principal=ANN):
    body = {"decision": "approve", "payload_hash": HASH}
    return await retrying(scene.pool, lambda c: decide.decide(c, str(approval["id"]), body, principal, POLICY))


# -- approvals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tier", "next_tier", "owner_role"),
    [(Tier.T1, "T2", None), (Tier.T2, "T3", None), (Tier.T3, "T3", "ops_supervisor")],
)
async def test_an_expired_approval_opens_again_one_tier_up_under_the_same_hash(
    tier, next_tier, owner_role, scene, opened
):
    approval = await scene.approval(opened, tier=tier)
    await fire(scene, opened, "approval_expiry", str(approval["id"]))
    old, new = await approvals_of(scene)
    assert (old["state"], old["superseded_by_what"], old["successor"]) == ("superseded", "expiry", new["id"])
    assert (new["state"], new["tier"]) == ("pending", next_tier)
    assert [new[k] for k in ("payload_hash", "interrupt_id", "proposal_id", "requester")] == [
        old[k] for k in ("payload_hash", "interrupt_id", "proposal_id", "requester")
    ]
    assert (await scene.case(opened.case))["owner_role"] == owner_role


async def test_a_timer_decides_nothing_and_resumes_nothing(scene, opened):
    approval = await scene.approval(opened)
    for _ in range(4):
        [pending] = [a for a in await approvals_of(scene) if a["state"] == "pending"]
        await fire(scene, opened, "approval_expiry", str(pending["id"]))
    found = await approvals_of(scene)
    assert {a["state"] for a in found} == {"superseded", "pending"}
    assert await scene.live_runs(opened.thread) == []
    assert await scene.sql("select 1 from decisions") == []
    assert {str(a["interrupt_id"]) for a in found} == {approval["interrupt_id"]}


async def test_an_expiry_after_the_decision_does_nothing(scene, opened):
    approval = await scene.approval(opened)
    await approve(scene, approval)
    await fire(scene, opened, "approval_expiry", str(approval["id"]))
    assert [a["state"] for a in await approvals_of(scene)] == ["approved"]


async def test_an_expiry_that_races_a_decision_has_exactly_one_outcome(scene):
    seen = set()
    for n in range(50):
        opened = await scene.open()
        approval = await scene.approval(opened)
        item = await timer(scene, opened, "approval_expiry", str(approval["id"]))

        async def expire(item=item, early=n % 2):
            await asyncio.sleep(0.002 * early)
            await retrying(scene.pool, lambda c: deadlines.run(c, item, POLICY))

        decided, _ = await asyncio.gather(approve(scene, approval), expire(), return_exceptions=True)
        states = [a["state"] for a in await approvals_of(scene) if a["case_id"] == approval["case_id"]]
        runs = len(await scene.live_runs(opened.thread))
        if isinstance(decided, PlatformError):
            assert (states, runs, decided.status) == (["superseded", "pending"], 0, 410)
        else:
            assert (states, runs) == (["approved"], 1)
        seen.add(states[0])
    assert seen <= {"approved", "superseded"}


async def test_an_expiry_is_told_to_the_log_and_to_the_webhooks(scene, opened):
    approval = await scene.approval(opened)
    await fire(scene, opened, "approval_expiry", str(approval["id"]), HOOK)
    opening, entry = (await scene.entries(opened.case))[-2:]
    assert [opening["type"], entry["type"]] == ["approval.opened", "approval.expired"]
    _, successor = await approvals_of(scene)
    told = {"approval_id": str(approval["id"]), "successor": str(successor["id"]), "tier": "T2"}
    assert (entry["actor"], entry["data"]) == (log.WORKER, told)
    hooks = await scene.sql("select type, receiver, payload from effects where kind = 'webhook' order by type")
    assert [(h["type"], h["receiver"]) for h in hooks] == [
        ("approval.expired", "http://hook"),
        ("approval.opened", "http://hook"),
    ]
    body = json.loads(hooks[0]["payload"])
    assert (body["case_id"], body["data"]) == (opened.case, told)


@pytest.mark.parametrize("decided", [False, True])
async def test_a_warning_is_sent_only_while_the_approval_is_pending(decided, scene, opened):
    approval = await scene.approval(opened)
    if decided:
        await approve(scene, approval)
    await fire(scene, opened, "approval_expiring", str(approval["id"]), HOOK)
    hooks = await scene.sql("select type, receiver, payload from effects where kind = 'webhook'")
    warnings = [e for e in await scene.entries(opened.case) if e["type"] == "approval.expiring"]
    assert [(h["type"], h["receiver"]) for h in hooks] == ([] if decided else [("approval.expiring", "http://hook")])
    assert len(warnings) == len(hooks)
    told = {"approval_id": str(approval["id"]), "tier": "T1", "expires_at": plain(approval["expires_at"])}
    for hook, entry in zip(hooks, warnings, strict=True):
        body = json.loads(hook["payload"])
        assert (body["case_id"], body["data"], entry["data"]) == (opened.case, told, told)
        assert entry["actor"] == log.WORKER


# -- waits --------------------------------------------------------------------------------------------------


async def test_a_wait_times_out_once(scene, opened):
    interrupt = await scene.waiting(opened, "external", ref="s:0")
    await fire(scene, opened, "external_timeout", interrupt)
    await fire(scene, opened, "external_timeout", interrupt)
    assert [r["payload"] for r in await scene.live_runs(opened.thread)] == [
        {"answers": {interrupt: {"type": "timeout"}}}
    ]


async def test_a_timeout_after_the_answer_does_nothing(scene, opened):
    interrupt = await scene.waiting(opened, "external", ref="s:0")
    async with transaction(scene.pool) as conn:
        await threads.answer(conn, interrupt, {"type": "first"})
    await fire(scene, opened, "external_timeout", interrupt)
    [wait] = await scene.sql("select answer from waits")
    assert wait["answer"] == {"type": "first"}


async def test_the_timer_of_a_wait_that_is_gone_does_nothing(scene, opened):
    await scene.waiting(opened, "external", interrupt="other")
    await fire(scene, opened, "external_timeout", "gone")
    assert await scene.live_runs(opened.thread) == []


async def test_two_workers_with_one_timer_do_it_once(scene, opened):
    interrupt = await scene.waiting(opened, "external", ref="s:0")
    item = await timer(scene, opened, "external_timeout", interrupt)
    jobs = [retrying(scene.pool, lambda c: deadlines.run(c, item, POLICY)) for _ in range(4)]
    found = await asyncio.gather(*jobs, return_exceptions=True)
    assert [isinstance(f, LeaseLost) for f in found].count(False) == 1
    assert len(await scene.live_runs(opened.thread)) == 1


# -- cases --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("deadline", "status"), [(None, "open"), ("- 1 hour", "expired"), ("1 hour", "open")])
async def test_a_case_expires_only_at_the_deadline_its_opener_gave(deadline, status, scene, opened):
    if deadline:
        await scene.sql(f"update cases set expires_at = now() + interval '{deadline}'")
    await fire(scene, opened, "case_expiry")
    case, last = await scene.case(opened.case), (await scene.entries(opened.case))[-1]
    assert (case["status"], (await scene.thread(opened.thread))["state"]) == (
        status,
        "ended" if status != "open" else "live",
    )
    assert (last["type"], last["actor"] == log.WORKER) == (
        ("case.ended", True) if status == "expired" else ("case.opened", False)
    )


async def test_the_deadline_of_a_case_that_has_ended_does_nothing(scene, opened):
    await scene.sql("update cases set expires_at = now(), status = 'resolved'")
    await fire(scene, opened, "case_expiry")
    assert (await scene.case(opened.case))["status"] == "resolved"


async def test_a_running_case_is_stopped_at_its_deadline(scene, opened):
    await scene.sql("update cases set expires_at = now()")
    await scene.claimed(opened.run)
    await fire(scene, opened, "case_expiry")
    assert ((await scene.item(opened.run))["cancel"], (await scene.case(opened.case))["status"]) == ("expired", "open")


async def test_an_unknown_timer_is_an_error_and_not_done(scene, opened):
    item = await timer(scene, opened, "tea_time")
    with pytest.raises(ValueError, match="no timer is called 'tea_time'"):
        await retrying(scene.pool, lambda c: deadlines.run(c, item, POLICY))
    assert (await scene.item(str(item["id"])))["status"] == "running"


async def test_a_case_opened_with_a_deadline_gets_its_timer(scene):
    async with transaction(scene.pool) as conn:
        [soon] = await scene.sql("select now() + interval '1 hour' as at")
        await cases.open_case(
            conn,
            cases.NewCase(
                workflow="settlement", key="timed", desk="equities", requester=DESK.id, expires_at=soon["at"]
            ),
            DESK.actor(),
        )
    [found] = await scene.sql("select not_before from work_items where kind = 'deadline'")
    assert found["not_before"] == soon["at"]
