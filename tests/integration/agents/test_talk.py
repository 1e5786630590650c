"""Agents talk about a case before it is proposed: what they say is shown, what they pick is followed, code decides."""

from __future__ import annotations

import pytest

from tests.platform import ANN, BEN, platform
from workflow_orchestration.domain.commentary import Statement
from workflow_orchestration.domain.errors import NotFound
from workflow_orchestration.workflows.settlement import talk as talking
from workflow_orchestration.workflows.settlement import tools
from workflow_orchestration.workflows.settlement.talk import MAX_HOPS

OUR_AMOUNT = "mt548-nmat-dmon-WO-1002"
THEIR_AMOUNT = "mt548-nmat-dmon-WO-1001"


async def test_an_agents_pick_reaches_people_with_its_reason(agents):
    async with agents(only={"Choice": "repeats"}) as scene:
        case_id = await scene.p.post_sample(THEIR_AMOUNT)
        said = await scene.opinion(case_id)
        assert said["chosen_by"] == "agent"
        assert said["explanation"]["text"]
        assert said["explanation"]["evidence"]
        assert said["degraded"] is None
        turns = [told["to"] for told in await scene.told(case_id, "agents.handoff")]
        assert turns[0] == "triage"
        assert {"resolver", "critic"} <= set(turns)
        case = await scene.p.case(case_id)
        assert case["findings"]["agents"] == said


async def test_what_people_approve_with_agents_is_carried_out_as_without(agents):
    async with agents(only={"Choice": "repeats"}) as scene:
        case_id = await scene.p.post_sample(OUR_AMOUNT)
        approval = await scene.p.approval(case_id)
        assert (approval["action"], approval["tier"]) == ("CANCEL_REPLACE", "T2")
        for person in (ANN, BEN):
            await scene.p.decide(approval, person)
        [cancel] = await scene.p.delivered(case_id, 1)
        assert ":23G:CANC" in cancel["payload"]


async def test_the_commentary_is_part_of_what_is_approved(agents):
    """The same case, told by agents in other words, is another payload."""
    hashes = set()
    for seed in (1, 2):
        async with agents(only={"Choice": "repeats"}, seed=seed) as scene:
            case_id = await scene.p.post_sample(THEIR_AMOUNT if seed == 1 else OUR_AMOUNT)
            approval = await scene.p.approval(case_id)
            said = await scene.opinion(case_id)
            validations = {v["validator"]: v for v in (await scene.p.sql(
                "select * from validations where proposal_id = %(id)s", id=approval["proposal_id"]))}  # fmt: skip
            assert validations["V10"]["outcome"] == "PASS", said
            hashes.add(approval["payload_hash"])
    assert len(hashes) == 2


async def test_without_a_model_there_are_no_agents(database, tmp_path):
    async with platform(database.worker, tmp_path) as p:
        case_id = await p.post_sample(OUR_AMOUNT)
        approval = await p.approval(case_id)
        [proposal] = await p.sql("select content from proposals where id = %(id)s", id=approval["proposal_id"])
        assert proposal["content"]["commentary"] is None
        assert "V10" not in proposal["content"]["gates"]["proposal"]
        assert not [e for e in await p.entries(case_id) if e["type"].startswith("agent")]
        assert "agents" not in (await p.case(case_id))["findings"]


async def test_the_critics_objection_is_shown_to_people(agents):
    async with agents(only={"Choice": "repeats", "Critique": "objects"}) as scene:
        case_id = await scene.p.post_sample(OUR_AMOUNT)
        said = await scene.opinion(case_id)
        [*_, critique] = [t["answer"] for t in await scene.told(case_id, "agent.said") if t["agent"] == "critic"]
        assert critique["objections"]
        assert (said["chosen_by"], said["agrees"]) == ("agent", False)
        assert [o["text"] for o in said["objections"]] == [o["claim"] for o in critique["objections"]]


async def _until_proposed(scene, case_id):
    await scene.p.wait_for(lambda: scene.told(case_id, "case.proposed"), "a proposal")
    return await scene.told(case_id, "agent.said")


async def test_after_twelve_hand_offs_a_supervisor_takes_over(agents):
    async with agents("repeats") as scene:
        case_id = await scene.p.post_sample(THEIR_AMOUNT)
        [task] = await scene.p.wait_for(lambda: scene.p.open_tasks(case_id), "a task")
        assert (task["kind"], task["role"]) == ("ESCALATE", "ops_supervisor")
        assert len(await scene.told(case_id, "agents.handoff")) == MAX_HOPS
        assert await scene.told(case_id, "agents.lost") == [{"hand_offs": MAX_HOPS}]
        assert "no end" in (await scene.p.case(case_id))["findings"]["agents"]["degraded"]


async def test_a_failing_look_up_leaves_the_others(agents, monkeypatch):
    """Four branches side by side, one of which finds nothing: the three others meet in the investigator's findings."""

    async def broken(_conn, _found):
        raise NotFound("the security master is away")

    monkeypatch.setitem(tools.TOOLS, "security", broken)
    async with agents(only={"Handoff": "digresses", "Lookups": "digresses"}) as scene:
        case_id = await scene.p.post_sample(THEIR_AMOUNT)
        words = await _until_proposed(scene, case_id)
        assert next(t["answer"]["tools"] for t in words if "tools" in t["answer"]) == [
            "similar_cases", "chasers", "cutoffs", "security",
        ]  # fmt: skip
        failed = await scene.told(case_id, "agent.look_failed")
        assert failed[0] == {"tool": "security", "evidence": [], "failed": "the security master is away"}
        looked = {t["tool"]: tuple(t["evidence"]) for t in await scene.told(case_id, "agent.looked")}
        assert looked.items() >= {(name, (name,)) for name in ("similar_cases", "chasers", "cutoffs")}
        assert any("findings" in t["answer"] for t in words)


@pytest.mark.parametrize(("behaviour", "rule"), [
    ("lies-about-amounts", "V10"), ("invents-accounts", "V10"), ("cites-nothing", "CITED"), ("picks-forbidden", "V11"),
])  # fmt: skip
async def test_what_a_rule_refuses_leaves_codes_own_proposal(agents, behaviour, rule):
    async with agents(only={"Choice": behaviour}) as scene:
        case_id = await scene.p.post_sample(OUR_AMOUNT)
        approval = await scene.p.approval(case_id)
        refused = [t for t in await scene.told(case_id, "agent.refused") if t["agent"] == "resolver"]
        assert rule in refused[0]["rules"]
        assert approval["action"] == "CANCEL_REPLACE"
        assert (await scene.opinion(case_id))["chosen_by"] == "code"


async def test_agents_look_again_after_a_rejection(agents):
    async with agents(only={"Choice": "repeats"}) as scene:
        case_id = await scene.p.post_sample(THEIR_AMOUNT)
        approval = await scene.p.approval(case_id)
        before = len(await scene.told(case_id, "agents.handoff"))
        await scene.p.decide(approval, ANN, "reject", reason_code="WRONG_ACTION", comment="not this one")
        await scene.p.wait_for(lambda: scene.p.open_tasks(case_id), "another proposal")
        assert len(await scene.told(case_id, "agents.handoff")) > before
        assert [t["action"] for t in await scene.told(case_id, "case.proposed")][-1] != approval["action"]


async def test_words_about_facts_that_have_changed_since_are_dropped(agents, monkeypatch):
    """The trade is corrected while agents talk: what they said of the old amount does not reach people."""
    async with agents(only={"Choice": "repeats"}) as scene:
        stale = Statement(text="Booked is EUR 987654.30", evidence=("trade",))
        real = talking.commentary
        monkeypatch.setattr(
            talking, "commentary", lambda *a, **k: real(*a, **k).model_copy(update={"findings": (stale,)})
        )
        case_id = await scene.p.post_sample(OUR_AMOUNT)
        approval = await scene.p.approval(case_id)
        assert (approval["action"], await scene.opinion(case_id)) == ("CANCEL_REPLACE", None)
        [dropped] = await scene.told(case_id, "agents.dropped")
        assert "1 facts" in dropped["why"]
