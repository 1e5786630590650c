"""Without an answer the case goes to people with code's findings, says so, and loses nothing."""

from __future__ import annotations

import pytest

from ci.local.killing import free_port
from tests.platform import ANN, BEN, platform

OUR_AMOUNT = "mt548-nmat-dmon-WO-1002"


async def _same_as_code(scene, case_id) -> str:
    """The proposal is code's own, its commentary says why, and what is approved is carried out."""
    approval = await scene.p.approval(case_id)
    assert (approval["action"], approval["tier"]) == ("CANCEL_REPLACE", "T2")
    said = await scene.opinion(case_id)
    assert (said["chosen_by"], said["explanation"], said["findings"]) == ("code", None, [])
    [told] = await scene.told(case_id, "agents.degraded")
    assert told["reason"] in said["degraded"]
    assert (await scene.p.case(case_id))["findings"]["agents"]["degraded"] == said["degraded"]
    for person in (ANN, BEN):
        await scene.p.decide(approval, person)
    await scene.p.delivered(case_id, 1)
    return str(told["reason"])


@pytest.mark.parametrize(("behaviour", "reason"), [
    ("ignores-schema", "schema"), ("truncates-silently", "schema"), ("truncates", "cut_short"),
])  # fmt: skip
async def test_an_answer_that_cannot_be_used_twice_is_no_answer(agents, behaviour, reason):
    async with agents(behaviour) as scene:
        assert await _same_as_code(scene, await scene.p.post_sample(OUR_AMOUNT)) == reason


async def test_a_server_that_is_away_degrades_and_nothing_else(agents):
    away = f"http://127.0.0.1:{free_port()}/v1"
    async with agents("honest", llm_deadline_seconds=2.0) as scene:
        await scene.p.stop_worker()
        object.__setattr__(scene.p, "settings", scene.p.settings.model_copy(update={"llm_base_url": away}))
        await scene.p.start_worker()
        reason = await _same_as_code(scene, await scene.p.post_sample(OUR_AMOUNT))
        assert reason in ("deadline", "breaker_open")


async def test_a_silent_model_costs_a_talk_its_time_and_no_more(agents):
    async with agents("stalls", run_timeout_seconds=4.0, llm_deadline_seconds=3.9) as scene:
        assert await _same_as_code(scene, await scene.p.post_sample(OUR_AMOUNT)) == "deadline"


async def test_half_a_talk_is_not_followed(agents):
    """The pick was made, the critic never answered: nobody has looked at it, so it does not count."""
    async with agents("honest", only={"Critique": "ignores-schema"}, seed=3) as scene:
        case_id = await scene.p.post_sample(OUR_AMOUNT)
        await _same_as_code(scene, case_id)
        assert "critic" in [t["agent"] for t in await scene.told(case_id, "agents.degraded")]


async def test_degraded_is_about_one_look_at_the_case(agents, database, tmp_path):
    """A later message starts a new talk, with whatever model there is then."""
    async with agents("ignores-schema") as scene:
        case_id = await scene.p.post_sample(OUR_AMOUNT)
        assert (await scene.opinion(case_id))["degraded"]
    async with platform(database.worker, tmp_path) as p:
        await p.post_sample("mt548-nmat-dmon-WO-1002")
        assert await p.approvals(case_id)
