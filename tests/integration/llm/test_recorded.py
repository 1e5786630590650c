"""Answers are recorded before they are used, behind the fence; a replay asks nobody; budgets hold over all workers."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from decimal import Decimal

import psycopg
import pytest

from tests.integration.llm.conftest import config, question
from tests.integration.llm.server import Say
from tests.integration.store.scene import connect
from workflow_orchestration.domain.errors import LeaseLost
from workflow_orchestration.llm import budget
from workflow_orchestration.llm.config import Limits
from workflow_orchestration.llm.contract import ModelUnavailable
from workflow_orchestration.llm.gateway import Gateway
from workflow_orchestration.llm.recorded import Recorded
from workflow_orchestration.store import model_runs
from workflow_orchestration.store.db import transaction

#: One question of the scripted server: 11 in and 7 out, at 2 and 6 a million.
TOKENS, COST = 18, Decimal("0.000064")


class Task:
    """A claimed run of a case, and questions about that case."""

    def __init__(self, scene, gateway, opened, epoch: int) -> None:
        self.scene = scene
        self.case, self.thread, self.item = opened.case, opened.thread, opened.run
        self.asks = Recorded(gateway, scene.pool, opened.run, epoch, opened.thread, "task-1")

    def question(self, **changes):
        return question(self.case, **changes)

    async def rows(self):
        return await self.scene.sql("select * from model_runs where case_id = %(c)s order by task_id, n", c=self.case)

    async def asking(self, server) -> tuple[asyncio.Task, threading.Event]:
        """The server has the question and answers once the event is set."""
        answer = threading.Event()
        server.script(self.case, Say(until=answer))
        asking = asyncio.create_task(self.asks.ask(self.question()))
        while not server.requests:
            await asyncio.sleep(0.01)
        return asking, answer

    async def loses_its_item(self) -> None:
        await self.scene.sql("update work_items set epoch = epoch + 1 where id = %(i)s", i=self.item)


async def task(scene, gateway) -> Task:
    opened = await scene.open()
    return Task(scene, gateway, opened, (await scene.claimed(opened.run))["epoch"])


@pytest.fixture
async def mine(scene, gateway) -> Task:
    return await task(scene, gateway)


@pytest.fixture
async def limited(server):
    """Makes gateways with limits; all are closed at the end."""
    opened = []

    def make(**limits) -> Gateway:
        opened.append(Gateway(config(server, limits=Limits(**limits), max_output_tokens=16)))
        return opened[-1]

    yield make
    for gateway in opened:
        await gateway.__aexit__()


async def refused(asking) -> ModelUnavailable:
    with pytest.raises(ModelUnavailable) as caught:
        await asking
    return caught.value


# -- recorded before it is used -----------------------------------------------------------------------------


async def test_what_is_recorded_is_what_was_answered(mine):
    answer = await mine.asks.ask(mine.question(), n=3)
    [row] = await mine.rows()
    assert model_runs.run_of(row) == replace(answer.run, seconds=float(row["seconds"]), parameters=row["parameters"])
    assert (row["n"], row["task_id"], row["desk"], answer.replayed) == (3, "task-1", "equities", False)
    assert row["parameters"]["temperature"] == "0"
    assert row["ended_at"] >= row["asked_at"]


async def test_a_replayed_node_gets_its_answer_again_and_asks_nobody(mine, server):
    first = await mine.asks.ask(mine.question())
    again = await mine.asks.ask(mine.question())
    assert (again.value, again.run.output_sha256) == (first.value, first.run.output_sha256)
    assert (first.replayed, again.replayed) == (False, True)
    assert len(server.requests) == 1


async def test_the_next_owner_of_the_item_gets_the_answer_of_the_one_that_died(mine, server):
    first = await mine.asks.ask(mine.question())
    await mine.loses_its_item()
    again = await replace(mine.asks, epoch=mine.asks.epoch + 1).ask(mine.question())
    assert (again.value, again.replayed, len(server.requests)) == (first.value, True, 1)


async def test_a_recorded_failure_is_said_again_too(mine, server):
    server.script(mine.case, Say("no JSON"), Say("no JSON"), Say())
    first = await refused(mine.asks.ask(mine.question()))
    again = await refused(mine.asks.ask(mine.question()))
    assert (first.reason, again.reason, again.detail) == ("schema", "schema", first.detail)
    assert len(server.requests) == 2


async def test_an_answer_that_cannot_be_recorded_is_not_used(mine, server):
    asking, answer = await mine.asking(server)
    await mine.loses_its_item()
    answer.set()
    with pytest.raises(LeaseLost):
        await asking
    [row] = await mine.rows()
    assert (row["ended_at"], row["output"]) == (None, "")


async def test_a_worker_that_lost_its_item_asks_nobody(mine, server):
    await mine.loses_its_item()
    with pytest.raises(LeaseLost):
        await mine.asks.ask(mine.question())
    assert (await mine.rows(), server.requests) == ([], [])


async def test_that_a_question_is_out_is_written_before_it_is_sent(mine, server):
    asking, answer = await mine.asking(server)
    [row] = await mine.rows()
    assert (row["ended_at"], row["tokens_out"]) == (None, 512)
    answer.set()
    await asking


async def test_what_was_recorded_of_another_prompt_is_no_answer_to_this_one(mine, server):
    await mine.asks.ask(mine.question())
    other = await mine.asks.ask(mine.question(facts="A newer message."))
    assert (other.replayed, len(server.requests)) == (False, 2)
    [row] = await mine.rows()
    assert row["prompt_sha256"] == other.run.prompt_sha256


async def test_each_question_of_each_task_has_its_own_answer(mine, server):
    await mine.asks.ask(mine.question(), n=0)
    await mine.asks.ask(mine.question(), n=1)
    await replace(mine.asks, task_id="task-2").ask(mine.question(), n=0)
    assert len(server.requests) == 3
    assert [(r["task_id"], r["n"]) for r in await mine.rows()] == [("task-1", 0), ("task-1", 1), ("task-2", 0)]


async def test_an_answer_of_an_older_schema_is_no_answer(mine):
    await mine.asks.ask(mine.question())
    await mine.scene.sql("update model_runs set output = '{}'")
    assert (await refused(mine.asks.ask(mine.question()))).reason == "schema"


async def test_many_questions_of_one_task_are_numbered_by_their_place(mine, server):
    server.script(mine.case, Say(), Say(status=400))
    results = await mine.asks.ask_many([mine.question(facts=str(n)) for n in range(3)], first_n=5, at_once=1)
    assert [getattr(r, "reason", "answered") for r in results] == ["answered", "refused", "refused"]
    assert [(r["n"], r["failure"]) for r in await mine.rows()] == [(5, None), (6, "refused"), (7, "refused")]


async def test_without_a_model_nothing_is_written(mine):
    found = await refused(replace(mine.asks, gateway=None).ask(mine.question()))
    assert (found.reason, await mine.rows()) == ("not_configured", [])


async def test_no_transaction_is_open_while_the_model_thinks(mine, server):
    asking, answer = await mine.asking(server)
    open_now = (
        "select count(*) as n from pg_stat_activity "
        "where datname = current_database() and state like 'idle in transaction%%'"
    )
    assert (await mine.scene.sql(open_now))[0]["n"] == 0
    answer.set()
    await asking


async def test_runs_of_a_case_come_in_the_order_they_were_asked(mine):
    for n, agent in enumerate(("triage", "resolver", "critic")):
        await replace(mine.asks, task_id=f"t{9 - n}").ask(mine.question(agent=agent))
    async with transaction(mine.scene.pool) as conn:
        found = await model_runs.of_case(conn, mine.case)
    assert [run.agent for _, run in found] == ["triage", "resolver", "critic"]


async def test_the_api_reads_runs_and_writes_none(mine, database):
    await mine.asks.ask(mine.question())
    async with await connect(database.api) as conn:
        assert len(await model_runs.of_case(conn, mine.case)) == 1
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await conn.execute("update model_runs set output = 'x'")


# -- budgets ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        ({"case_tokens": 200}, "LLM_CASE_TOKENS"),
        ({"desk_tokens_per_day": 200}, "LLM_DESK_TOKENS_PER_DAY"),
        ({"case_cost": Decimal("0.0006")}, "LLM_CASE_COST"),
        ({"desk_cost_per_day": Decimal("0.0006")}, "LLM_DESK_COST_PER_DAY"),
    ],
)
async def test_a_spent_budget_refuses_the_question_names_the_setting_and_asks_nobody(
    scene, limited, server, limits, name
):
    mine = await task(scene, limited(**limits))
    await spend_all(mine)
    rows = await mine.rows()
    answered = [row for row in rows if row["failure"] is None]
    assert 1 <= len(answered) == len(server.requests) < len(rows)
    assert {row["failure"] for row in rows} == {None, "budget_spent"}
    last = rows[-1]
    assert name in last["detail"]
    assert (last["tokens_in"], last["tokens_out"], last["cost"]) == (0, 0, 0)


async def test_a_desk_has_one_budget_over_its_cases_and_workers(scene, limited):
    one = await task(scene, limited(desk_tokens_per_day=150))
    other = await task(scene, limited(desk_tokens_per_day=150))
    await spend_all(one)
    assert (await refused(other.asks.ask(other.question()))).reason == "budget_spent"


async def spend_all(mine: Task) -> None:
    for n in range(20):
        await _quietly(mine.asks.ask(mine.question(), n=n))
    assert (await mine.rows())[-1]["failure"] == "budget_spent"


async def _quietly(asking) -> None:
    try:
        await asking
    except ModelUnavailable:
        return


async def test_another_desk_and_another_case_have_their_own(scene, limited):
    gateway = limited(desk_tokens_per_day=150, case_tokens=150)
    mine, other = await task(scene, gateway), await task(scene, gateway)
    await spend_all(mine)
    assert (await refused(other.asks.ask(other.question()))).reason == "budget_spent"
    assert not (await other.asks.ask(other.question(desk="rates"), n=1)).replayed


async def test_yesterday_counts_for_the_case_and_not_for_the_desk(scene, limited):
    mine = await task(scene, limited(desk_tokens_per_day=150))
    await mine.asks.ask(mine.question())
    await scene.sql("update model_runs set tokens_in = 1000000, asked_at = now() - interval '1 day'")
    assert not (await mine.asks.ask(mine.question(), n=1)).replayed
    with_case = replace(mine.asks, gateway=limited(case_tokens=150))
    assert (await refused(with_case.ask(mine.question(), n=2))).reason == "budget_spent"


async def test_questions_at_once_cannot_all_fit_into_what_is_left_for_some(scene, limited, server):
    """Each holds what it may come to until its end is known; without that, all ten would find room."""
    gateway, answer = limited(desk_tokens_per_day=400), threading.Event()
    tasks = [await task(scene, gateway) for _ in range(10)]
    for one in tasks:
        server.script(one.case, Say(until=answer))
    asking = [asyncio.create_task(_quietly(one.asks.ask(one.question()))) for one in tasks]
    expected = gateway.expected(tasks[0].question())
    fitting = 400 // (expected.tokens_in + expected.tokens_out)
    while sum(t.done() for t in asking) < len(tasks) - fitting:
        await asyncio.sleep(0.01)
    answer.set()
    await asyncio.gather(*asking)
    assert len(server.requests) == fitting


async def test_a_question_that_died_with_its_worker_still_counts(scene, limited):
    mine = await task(scene, limited(case_tokens=180))
    expected = mine.asks.gateway.expected(mine.question())
    async with transaction(scene.pool) as conn:
        for n in range(3):
            key = model_runs.Key(mine.thread, "dead", n)
            await model_runs.put(conn, key, expected, case_id=mine.case, desk="equities", ended=False)
    assert (await refused(mine.asks.ask(mine.question()))).reason == "budget_spent"


async def test_what_was_used_is_the_sum_of_the_runs(mine):
    for n in range(3):
        await mine.asks.ask(mine.question(), n=n)
    async with transaction(mine.scene.pool) as conn:
        used = await model_runs.used(conn, desk="equities", case_id=mine.case)
    assert used == model_runs.Used(3 * TOKENS, 3 * COST, 3 * TOKENS, 3 * COST)
    assert budget.spent(Limits(), used) is None


async def test_a_spent_budget_says_the_same_when_the_node_is_replayed(scene, limited):
    mine = await task(scene, limited(case_tokens=1))
    assert (await refused(mine.asks.ask(mine.question()))).reason == "budget_spent"
    richer = replace(mine.asks, gateway=limited(case_tokens=0))
    assert (await refused(richer.ask(mine.question()))).reason == "budget_spent"
