"""Shadow mode: agents are heard, and compared with what people decided; nobody sees them and nothing follows them."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.platform import ANN, BEN, SUE, platform
from workflow_orchestration.store import casework, lifecycle, views

OUR_AMOUNT = "mt548-nmat-dmon-WO-1002"


async def test_in_shadow_mode_people_decide_on_exactly_what_code_proposes(agents, database, tmp_path):
    async with platform(database.worker, tmp_path) as alone:
        case_id = await alone.post_sample(OUR_AMOUNT)
        expected = (await alone.approval(case_id))["payload_hash"]
        await alone.do(lambda c: lifecycle.cancel(c, case_id, actor=ANN.actor(), owner=None))
    async with agents(agents_shadow=True) as scene:
        await scene.p.do(lambda c: casework.reopen(c, case_id, "again, with agents", SUE))
        approval = await scene.p.approval(case_id)
        assert approval["payload_hash"] == expected
        assert await scene.opinion(case_id) is None
        said = await scene.told(case_id, "agent.said")
        assert said
        assert all("answer" not in one for one in said)
        for person in (ANN, BEN):
            await scene.p.decide(approval, person)
        await scene.p.delivered(case_id, 1)
        [compared] = await scene.told(case_id, "agents.compared")
        assert (compared["people"], compared["decision"]) == ("CANCEL_REPLACE", "approve")
        assert compared["agree"] is (compared["agents"] == "CANCEL_REPLACE")
        had_a_say = compared["agents"] is not None and not compared["lost"]
        assert await _counted(scene) == [("CANCEL_REPLACE", 1, int(had_a_say and compared["agree"]))]


async def test_a_rejection_that_the_agents_would_have_made_too_counts_as_agreement(agents):
    async with agents(agents_shadow=True, only={"Choice": "digresses"}) as scene:
        case_id = await scene.p.post_sample("mt548-nmat-dmon-WO-1001")
        approval = await scene.p.approval(case_id)
        await scene.p.decide(approval, ANN, "reject", reason_code="WRONG_ACTION", comment="no")
        [compared] = await scene.p.wait_for(lambda: scene.told(case_id, "agents.compared"), "a comparison")
        assert compared["agents"] != compared["people"] == "CHASE"
        assert compared["agree"] is True


async def _counted(scene) -> list[tuple[str, int, int]]:
    async with scene.p.pool.connection() as conn:
        found = await views.shadow(conn, SUE, since=datetime(2026, 1, 1, tzinfo=UTC))
    return [(row["action"], row["decisions"], row["agreed"]) for row in found]
