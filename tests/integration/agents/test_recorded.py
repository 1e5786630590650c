"""A model's answer is recorded before it is used: whenever a worker dies, nobody is asked twice and nothing changes."""

from __future__ import annotations

import pytest

from ci.local.killing import Kill, Workers
from ci.local.story import worker_settings
from tests.adversary.server import MODEL, Adversary
from tests.platform import platform

OUR_AMOUNT = "mt548-nmat-dmon-WO-1002"
_RUNS = "select agent, output, tries from model_runs where case_id = %(id)s order by asked_at"


async def _told(database, folder, kill: Kill | None) -> tuple[list, dict, int]:
    """One case to its approval, by a worker that dies as told: what was said, what is shown, and how often it died."""
    model = Adversary({"honest": 1.0}, seed=3, by_schema={"Choice": "repeats"})
    async with model.serving() as url, platform(database.worker, folder, start=False) as p:
        p.patience = 90
        workers = Workers({**worker_settings(database.worker, folder), "llm_base_url": url, "llm_model": MODEL})
        workers.start(kill)
        try:
            case_id = await p.post_sample(OUR_AMOUNT)

            async def proposed() -> list:
                workers.revive()
                return await p.approvals(case_id)

            [approval] = await p.wait_for(proposed, "an approval")
            [proposal] = await p.sql("select content from proposals where id = %(id)s", id=approval["proposal_id"])
            runs = await p.sql(_RUNS, id=case_id)
        finally:
            await workers.stop()
        assert sum(run["tries"] for run in runs) == len(runs)
        asked = sum(model.played.values())
        return [runs, asked], proposal["content"]["commentary"], workers.deaths


@pytest.mark.slow
@pytest.mark.parametrize("kill", [
    Kill(4, "after", name="model ask"), Kill(2, "after", name="node take"), Kill(2, "before", name="node take"),
], ids=["recorded-not-used", "used-not-checkpointed", "about-to-be-used"])  # fmt: skip
async def test_a_worker_killed_between_answer_and_use_asks_nobody_twice(database, tmp_path, kill):
    (runs, asked), said, deaths = await _told(database, tmp_path, kill)
    assert deaths >= 1
    assert asked == len(runs)
    assert said["chosen_by"] == "agent"


@pytest.mark.slow
async def test_a_killed_talk_says_what_an_undisturbed_one_says(database, postgres, template, tmp_path):
    (runs, _), said, _ = await _told(database, tmp_path / "killed", Kill(4, "after", name="model ask"))
    with postgres.copy_of(template) as name:
        other = type(database)(api="", worker=postgres.url("wo_worker", name), owner="", name=name)
        (undisturbed, _), alike, deaths = await _told(other, tmp_path / "quiet", None)
    assert deaths == 0
    assert said == alike
    assert [r["output"] for r in runs] == [r["output"] for r in undisturbed]
