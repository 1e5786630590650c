"""`wo cases replay`: a recorded case says the same again, and where it does not, the difference is named."""

from __future__ import annotations

import json

import pytest

from tests.platform import DESK
from workflow_orchestration.cli import replay as command
from workflow_orchestration.cli.exits import CheckFailed
from workflow_orchestration.domain import book as books
from workflow_orchestration.domain import judging
from workflow_orchestration.store import book
from workflow_orchestration.workflows.settlement import prompts
from workflow_orchestration.workflows.settlement.replay import replay

OUR_AMOUNT = "mt548-nmat-dmon-WO-1002"
TALKATIVE = {"Choice": "repeats", "Lookups": "digresses"}


async def _played(scene) -> str:
    case_id = await scene.p.post_sample(OUR_AMOUNT)
    await scene.p.approval(case_id)
    return case_id


async def _again(scene, case_id):
    async with scene.p.pool.connection() as conn:
        return await replay(conn, case_id)


async def test_a_recorded_talk_comes_to_the_same_proposal_and_asks_nobody(agents):
    async with agents(only=TALKATIVE, seed=2) as scene:
        case_id = await _played(scene)
        asked = sum(scene.model.played.values())
        [talk] = await _again(scene, case_id)
        assert talk.differences == []
        assert talk.then == talk.now
        assert all(turn.same_prompt for turn in talk.turns)
        assert len(talk.turns) == asked == sum(scene.model.played.values())


async def test_what_has_changed_since_in_the_book_is_not_a_difference(agents):
    async with agents(only=TALKATIVE, seed=2) as scene:
        case_id = await _played(scene)
        async with scene.p.pool.connection() as conn:
            found = await book.find(conn, books.Trade, "TRD-1002")
        corrected = found[0].model_copy(update={"amount": found[0].amount.model_copy(update={"value": 1})})
        await scene.p.do(lambda c: book.put(c, "trade", [corrected], DESK.actor()))
        [talk] = await _again(scene, case_id)
        assert talk.differences == []


async def test_a_rule_and_a_prompt_that_changed_are_named(agents, monkeypatch):
    async with agents(only=TALKATIVE, seed=2) as scene:
        case_id = await _played(scene)
        monkeypatch.setitem(judging.RULES, "V11", lambda _view, a: "no" if isinstance(a, judging.Choice) else None)
        monkeypatch.setitem(prompts.INSTRUCTIONS, "triage", "Say what is wrong.")
        [talk] = await _again(scene, case_id)
        assert "triage is asked something else today" in talk.differences
        assert ("V11",) in [turn.refused_by for turn in talk.turns if turn.agent == "resolver"]
        assert any("content" in said or "turn today" in said for said in talk.differences)


async def test_a_degraded_case_is_degraded_again(agents):
    async with agents("ignores-schema") as scene:
        case_id = await _played(scene)
        [talk] = await _again(scene, case_id)
        assert talk.differences == []
        assert [turn.text for turn in talk.turns] == [None]


async def test_the_command_shows_each_turn_and_fails_on_a_difference(agents, database, monkeypatch, capsys):
    import asyncio

    async with agents(only=TALKATIVE, seed=2) as scene:
        case_id = await _played(scene)
        monkeypatch.setenv("DATABASE_URL", database.worker)
        await asyncio.to_thread(command.run, case_id, as_json=True)
        [talk] = json.loads(capsys.readouterr().out)["talks"]
        assert (talk["differences"], talk["then"]) == ([], talk["now"])
        monkeypatch.setitem(prompts.INSTRUCTIONS, "critic", "Find fault.")
        with pytest.raises(CheckFailed, match="difference"):
            await asyncio.to_thread(command.run, case_id, as_json=False)
