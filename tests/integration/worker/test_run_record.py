"""What a run hands to its nodes and leaves behind: its identity, the version that ran it, waits, ends and failures."""

from __future__ import annotations

import re
from dataclasses import replace
from uuid import uuid4

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import RunControl

from tests.integration.store.scene import POLICY
from tests.integration.worker import toy
from workflow_orchestration.domain.errors import LeaseLost
from workflow_orchestration.domain.facts import Tier
from workflow_orchestration.store import cases, log, work
from workflow_orchestration.store.db import retrying
from workflow_orchestration.store.notify import WORK
from workflow_orchestration.store.threads import Wait
from workflow_orchestration.worker import runs
from workflow_orchestration.worker.lease import LEASE, Lease
from workflow_orchestration.worker.runs import Ended, Paused, Runner
from workflow_orchestration.workflows.common.context import RunContext


@pytest.fixture(autouse=True)
def hooks(monkeypatch):
    monkeypatch.setattr(cases, "check_edge", lambda before, after: None)  # the toy says nothing of phases
    return toy.install(monkeypatch)


@pytest.fixture
async def opened(scene):
    return await scene.open()


class Wakes(list):
    """A notifier that only remembers."""

    def wake(self, *words):
        self.extend(words)


async def last(scene, opened):
    return (await scene.entries(opened.case))[-1]


async def do(scene, work_):
    return await retrying(scene.pool, work_)


async def run(scene, opened, runner=None):
    item = await scene.claimed(opened.run)
    LEASE.set(Lease(opened.run, item["epoch"]))
    await (runner or toy.runner(scene.pool)).run(item, RunControl())
    return item


async def finish(scene, opened, result):
    item = await scene.claimed(opened.run)
    case = await scene.case(opened.case)
    await do(scene, lambda c: runs.finish(c, item, case, result, POLICY))
    return item


# -- what a run is told -----------------------------------------------------------------------------------------


async def test_a_node_knows_its_item_its_case_its_agents_and_where_effects_go(scene, opened, hooks):
    seen = []

    async def look(node):
        seen.append(node.context)

    hooks.inside["begin"] = look
    wakes = Wakes()
    agents = object()
    runner = Runner(scene.pool, wakes, POLICY, effects_url="file:/there", run_timeout=20, agents=agents)
    item = await run(scene, opened, runner)
    [context] = seen
    assert (context.item_id, context.epoch) == (opened.run, item["epoch"])
    assert (context.case_id, context.thread_id) == (opened.case, opened.thread)
    assert (context.pool, context.policy, context.effects_url) == (scene.pool, POLICY, "file:/there")
    assert (context.notifier is wakes, context.agents is agents) == (True, True)


async def test_whoever_waits_for_the_case_or_for_work_is_woken_after_the_finish(scene, opened, monkeypatch):
    wakes, stock = Wakes(), runs.finish

    async def finish(*args):
        await stock(*args)
        wakes.clear()

    monkeypatch.setattr(runs, "finish", finish)
    await run(scene, opened, Runner(scene.pool, wakes, POLICY, effects_url="file:/there", run_timeout=20))
    assert wakes == [opened.case, WORK]


async def test_a_checkpoint_says_which_item_wrote_it(scene, opened):
    await run(scene, opened)
    found = await scene.sql("select distinct metadata ->> 'run_id' as run from checkpoints")
    assert [f["run"] for f in found] == [opened.run]


def test_a_run_is_entered_under_strict_resume_and_bounded():
    item = {"thread_id": "t", "id": "i"}
    assert runs._config(item) == {
        "configurable": {"thread_id": "t", "__pregel_strict_resume": True},
        "metadata": {"run_id": "i"},
        "recursion_limit": runs.RECURSION_LIMIT,
    }


async def test_a_finished_run_keeps_nothing_back(scene, opened):
    runner = toy.runner(scene.pool)
    await run(scene, opened, runner)
    assert runner._saver._kept == {}


# -- versions ---------------------------------------------------------------------------------------------------


async def test_the_version_that_ran_a_thread_is_that_of_the_code_and_of_the_graphs_shape(scene, opened):
    await run(scene, opened)
    found = (await scene.thread(opened.thread))["app_version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+\+[0-9a-f]{12}", found)
    other = toy.build()
    other.add_node("more", toy.ask)
    other.add_edge("end", "more")
    assert runs._fingerprint(toy.build().compile()) == found
    assert runs._fingerprint(other.compile()) != found


async def test_a_graph_that_changed_under_a_waiting_thread_is_told_in_the_log(scene, opened):
    await scene.sql("update threads set app_version = '0.0.1+old'")
    await run(scene, opened)
    now = (await scene.thread(opened.thread))["app_version"]
    [entry] = [e for e in await scene.entries(opened.case) if e["type"] == "run.version_changed"]
    assert (entry["actor"], entry["data"]) == (log.WORKER, {"before": "0.0.1+old", "after": now})


async def test_a_first_run_and_an_unchanged_graph_are_not_told_as_a_change(scene, opened):
    await run(scene, opened)
    assert "run.version_changed" not in {e["type"] for e in await scene.entries(opened.case)}


async def test_a_worker_that_lost_its_item_notes_no_version(scene, opened):
    item = await scene.claimed(opened.run)
    await scene.expire(opened.run)
    await scene.claimed(opened.run)
    with pytest.raises(LeaseLost):
        await toy.runner(scene.pool).run(item, RunControl())
    assert (await scene.thread(opened.thread))["app_version"] == ""


# -- pauses -----------------------------------------------------------------------------------------------------


async def test_a_pause_keeps_what_the_gate_asked_for(scene, opened):
    await run(scene, opened)
    [wait] = await scene.sql("select kind, ref, seen_seq, payload from waits")
    assert wait == {"kind": "external", "ref": "toy", "seen_seq": 0, "payload": {"timeout_minutes": 60}}


async def test_a_pause_for_people_opens_the_approval_and_says_so_of_the_case(scene, opened):
    proposal = await scene.proposal(opened, tier=Tier.T2, makers=("mia",))
    interrupt = uuid4().hex
    await finish(scene, opened, Paused((Wait(interrupt, "approval", proposal, 0),)))
    [approval] = await scene.sql("select * from approvals")
    assert (str(approval["proposal_id"]), approval["interrupt_id"]) == (proposal, interrupt)
    assert (approval["tier"], approval["requester"], approval["makers"]) == ("T2", "u_desk", ["mia"])
    assert (await scene.case(opened.case))["phase"] == "AWAITING_APPROVAL"
    assert (await scene.item(opened.run))["status"] == "done"


@pytest.mark.parametrize("kind", ["task", "effect"])
async def test_a_pause_for_a_task_or_an_effect_needs_no_timer(kind, scene, opened):
    await finish(scene, opened, Paused((Wait(uuid4().hex, kind, str(uuid4()), 0),)))
    assert (await scene.thread(opened.thread))["state"] == "waiting"
    assert await scene.sql("select 1 from work_items where kind = 'deadline'") == []


async def test_a_timer_of_a_wait_is_its_cases_and_names_the_wait(scene, opened):
    interrupt = uuid4().hex
    await finish(scene, opened, Paused((Wait(interrupt, "external", None, 0, {"timeout_minutes": 2}),)))
    [timer] = await scene.sql(
        "select case_id, payload, extract(epoch from not_before - now()) as seconds from work_items "
        "where kind = 'deadline'"
    )
    assert (str(timer["case_id"]), timer["payload"]) == (
        opened.case,
        {"what": "external_timeout", "ref": interrupt},
    )
    assert 110 < timer["seconds"] <= 120


# -- a graph that asks nobody -----------------------------------------------------------------------------------


def straight():
    """begin -> end: a graph that is at its end after its first entry."""
    graph = StateGraph(toy.State, context_schema=RunContext)
    for name in ("begin", "end"):
        graph.add_node(name, toy._step(name))
    graph.add_edge(START, "begin")
    graph.add_edge("begin", "end")
    graph.add_edge("end", END)
    return graph


async def test_a_run_that_reached_its_end_and_died_before_its_finish_only_finishes(scene, opened, monkeypatch):
    workflow = replace(toy.TOY, build=straight)
    monkeypatch.setattr(runs, "WORKFLOWS", {"settlement": workflow})

    async def die(*args):
        raise toy.Killed

    with monkeypatch.context() as patch:
        patch.setattr(runs, "finish", die)
        with pytest.raises(toy.Killed):
            await run(scene, opened)
    await scene.expire(opened.run)
    await run(scene, opened)
    said = [(e["data"]["node"], e["epoch"]) for e in await scene.entries(opened.case) if e["type"] == "ran"]
    assert said == [("begin", 1), ("end", 1)]
    assert (await last(scene, opened))["data"]["reason"] == "begin,end"


# -- ends -------------------------------------------------------------------------------------------------------


async def test_an_end_is_the_cases_with_its_reason(scene, opened):
    await finish(scene, opened, Ended("resolved", "it settled"))
    entry = await last(scene, opened)
    assert (entry["type"], entry["actor"], entry["data"]["reason"]) == ("case.ended", log.WORKER, "it settled")
    states = ((await scene.case(opened.case))["status"], (await scene.thread(opened.thread))["outcome"])
    assert (states, (await scene.item(opened.run))["status"]) == (("resolved", "resolved"), "done")


async def test_a_run_that_was_asked_to_stop_says_so_whatever_it_came_to(scene, opened):
    item = await scene.claimed(opened.run)
    await do(scene, lambda c: work.request_cancel(c, opened.run, "expired"))
    case = await scene.case(opened.case)
    await do(scene, lambda c: runs.finish(c, item, case, Ended("resolved", "x"), POLICY))
    entry = await last(scene, opened)
    assert (entry["data"]["status"], entry["data"]["reason"]) == ("expired", "asked to stop")
    assert (await scene.item(opened.run))["status"] == "cancelled"


@pytest.mark.parametrize(("asked", "status"), [("expired", "expired"), (None, "cancelled")])
async def test_a_run_that_was_stopped_in_a_node_ends_as_it_was_asked_to(asked, status, scene, opened):
    item = await scene.claimed(opened.run)
    if asked:
        await do(scene, lambda c: work.request_cancel(c, opened.run, asked))
    await do(scene, lambda c: runs.finish_cancelled(c, item))
    entry = await last(scene, opened)
    assert (entry["type"], entry["actor"]) == ("case.ended", log.WORKER)
    assert (entry["data"]["status"], entry["data"]["reason"]) == (status, "stopped while running")
    assert (await scene.item(opened.run))["status"] == "cancelled"


async def test_a_failure_is_told_to_the_log_and_to_a_supervisor(scene, opened):
    item = await scene.claimed(opened.run)
    await do(scene, lambda c: runs.fail(c, item, "ValueError: no isin"))
    entry = await last(scene, opened)
    assert (entry["actor"], entry["data"]["status"], entry["data"]["error"]) == (
        log.WORKER,
        "failed",
        "ValueError: no isin",
    )
    [task] = await scene.sql("select source, text, role from tasks")
    assert task == {
        "source": opened.run,
        "text": "The case failed: ValueError: no isin. Find the cause, then reopen it.",
        "role": "ops_supervisor",
    }
    found = await scene.item(opened.run)
    assert (found["status"], found["error"]) == ("dead", "ValueError: no isin")


async def test_a_failure_after_the_end_buries_the_item_and_says_nothing_more(scene, opened):
    item = await scene.claimed(opened.run)
    await scene.sql("update threads set state = 'ended', outcome = 'resolved'")
    before = await scene.entries(opened.case)
    await do(scene, lambda c: runs.fail(c, item, "late"))
    assert await scene.entries(opened.case) == before
    assert ((await scene.item(opened.run))["status"], await scene.sql("select 1 from tasks")) == ("dead", [])
