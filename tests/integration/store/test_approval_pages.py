"""What people see of approvals: which, in which order, and what of another desk's."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.integration.store.scene import ANN, HASH, SUE
from workflow_orchestration.domain.errors import NotFound
from workflow_orchestration.store import approvals
from workflow_orchestration.store.approvals import Policy
from workflow_orchestration.store.db import transaction


async def page(scene, principal=ANN, **asked):
    async with scene.pool.connection() as conn:
        return [a["id"] for a in await approvals.page(conn, principal, **asked)]


async def test_a_page_holds_what_is_asked_for_of_ones_desks_soonest_deadline_first(scene):
    cases = [await scene.open() for _ in range(3)]
    late, soon, foreign = [
        await scene.approval(opened, policy=Policy(minutes, 5))
        for opened, minutes in zip(cases, (60, 30, 90), strict=True)
    ]
    await scene.sql("update cases set desk = 'bonds' where id = %(id)s", id=cases[2].case)
    async with transaction(scene.pool) as conn:
        await approvals.set_state(conn, str(late["id"]), "rejected", by="ben")
    assert await page(scene) == [soon["id"], late["id"]]
    assert await page(scene, SUE) == [soon["id"], late["id"], foreign["id"]]
    assert await page(scene, replace(ANN, desks=frozenset({"bonds", "credit"}))) == [foreign["id"]]
    assert await page(scene, state="pending") == [soon["id"]]
    assert await page(scene, case_id=cases[0].case) == [late["id"]]
    assert await page(scene, limit=1) == [soon["id"]]


async def test_what_is_not_there_or_another_desks_is_not_found_in_the_same_words(scene):
    approval = await scene.approval(await scene.open())
    stranger = replace(ANN, desks=frozenset({"bonds"}))
    async with scene.pool.connection() as conn:
        assert (await approvals.get_visible(conn, str(approval["id"]), ANN))["desk"] == "equities"
        for wanted, who in ((approval["id"], stranger), (approval["proposal_id"], ANN)):
            with pytest.raises(NotFound, match=rf"^there is no approval {wanted}$"):
                await approvals.get_visible(conn, str(wanted), who)
        with pytest.raises(NotFound, match=rf"^there is no proposal {approval['id']}$"):
            await approvals.get_proposal(conn, str(approval["id"]))


async def test_a_hash_counts_as_approved_only_once_people_have_approved_it(scene):
    approval = await scene.approval(await scene.open())
    async with transaction(scene.pool) as conn:
        assert await approvals.hash_approved(conn, str(approval["id"])) is None
        await approvals.set_state(conn, str(approval["id"]), "approved", by="ann")
        assert await approvals.hash_approved(conn, str(approval["id"])) == HASH


async def test_an_opened_approval_is_told_with_all_that_people_must_know(scene):
    opened = await scene.open()
    approval = await scene.approval(opened, policy=Policy(30, 60))
    entry = (await scene.entries(opened.case))[-1]
    [now] = await scene.sql("select now() as at")
    assert (entry["type"], entry["actor"]) == ("approval.opened", {"type": "service", "id": "worker"})
    assert {k: v for k, v in entry["data"].items() if k != "expires_at"} == {
        "approval_id": str(approval["id"]),
        "tier": "T1",
        "needed": 1,
        "payload_hash": HASH,
        "proposal_id": str(approval["proposal_id"]),
    }
    assert abs(approval["expires_at"] - now["at"] - timedelta(minutes=30)) < timedelta(minutes=1)
    timers = await scene.sql(
        "select payload ->> 'what' as what, not_before > now() as later from work_items where kind = 'deadline'"
    )
    # a warning that would be earlier than the opening comes at once
    assert {(t["what"], t["later"]) for t in timers} == {("approval_expiring", False), ("approval_expiry", True)}


async def test_a_withdrawn_approval_is_told_with_what_withdrew_it(scene):
    opened = await scene.open()
    approval = await scene.approval(opened)
    async with transaction(scene.pool) as conn:
        row = await approvals.supersede_pending(conn, approval["interrupt_id"], "refresh")
    entry = (await scene.entries(opened.case))[-1]
    assert row["id"] == approval["id"]
    assert (entry["type"], entry["actor"]["id"]) == ("approval.superseded", "worker")
    assert entry["data"] == {"approval_id": str(approval["id"]), "by_what": "refresh"}
