"""What people do to a case besides deciding: move it, speak of it, keep it, end it, open it again, do its tasks."""

from __future__ import annotations

import pytest
from psycopg.errors import LockNotAvailable

from tests.integration.store.scene import SUE, connect
from workflow_orchestration.domain import book as books
from workflow_orchestration.domain.errors import Conflict, Forbidden, InvalidRequest, NotFound, NotOwner
from workflow_orchestration.domain.roles import Principal, Role
from workflow_orchestration.store import book, cases, casework, lifecycle, log, tasks, threads
from workflow_orchestration.store.db import retrying, transaction

NINA = Principal("nina", frozenset({Role.OPS_ANALYST}), frozenset({"equities"}))
EVA = Principal("eva", frozenset({Role.OPS_ANALYST}), frozenset({"bonds"}))
BOTH = Principal("bo", frozenset({Role.OPS_ANALYST}), frozenset({"equities", "bonds"}))


@pytest.fixture
async def desks(scene):
    """The book knows the desks equities and bonds."""
    async with transaction(scene.pool) as conn:
        for desk in ("equities", "bonds"):
            row = books.Account(
                account=desk, desk=desk, contact="c", own_bic="WOTRDEFFXXX", custodian_bic="CUSTDEFFXXX", market="XETR"
            )
            await book.put(conn, row.kind, [row], SUE.actor())


async def do(scene, work):
    return await retrying(scene.pool, work)


async def once(scene, work):
    async with transaction(scene.pool) as conn:
        return await work(conn)


async def end(scene, opened, status="failed"):
    await do(scene, lambda c: lifecycle.end(c, opened.case, opened.thread, status, log.WORKER))


async def last(scene, case_id):
    return (await scene.entries(case_id))[-1]


# -- ended, moved, spoken of ----------------------------------------------------------------------------------


async def test_a_cancelled_case_keeps_what_was_said_about_it(scene):
    opened = await scene.open()
    said = {"owner": None, "comment": "a test"}
    assert await do(scene, lambda c: casework.cancel(c, opened.case, NINA, **said)) == "cancelled"
    ended, comment = (await scene.entries(opened.case))[-2:]
    assert (ended["type"], ended["actor"]) == ("case.ended", NINA.actor())
    assert (comment["type"], comment["actor"], comment["data"]) == ("case.comment", NINA.actor(), {"text": "a test"})


async def test_a_cancel_without_a_comment_leaves_none(scene):
    opened = await scene.open()
    await do(scene, lambda c: casework.cancel(c, opened.case, NINA, owner=None, comment=None))
    assert (await last(scene, opened.case))["type"] == "case.ended"


async def test_a_cancel_for_an_owner_who_is_not_is_refused(scene):
    opened = await scene.open()
    with pytest.raises(NotOwner):
        await do(scene, lambda c: casework.cancel(c, opened.case, NINA, owner="dag/9", comment=None))


@pytest.mark.parametrize(
    "act",
    [
        lambda c, case: casework.cancel(c, case, EVA, owner=None, comment=None),
        lambda c, case: casework.assign(c, case, EVA, assignee="eva", desk=None),
        lambda c, case: casework.comment(c, case, "hello", EVA),
        lambda c, case: casework.hold(c, case, EVA, held=True, why="x"),
        lambda c, case: casework.reopen(c, case, "x", EVA),
    ],
    ids=["cancel", "assign", "comment", "hold", "reopen"],
)
async def test_nobody_acts_on_a_case_of_another_desk(act, scene):
    opened = await scene.open()
    with pytest.raises(NotFound):
        await do(scene, lambda c: act(c, opened.case))
    assert len(await scene.entries(opened.case)) == 1


async def test_a_case_is_given_to_a_person(scene, desks):
    opened = await scene.open()
    case = await do(scene, lambda c: casework.assign(c, opened.case, NINA, assignee="ann", desk="equities"))
    entry = await last(scene, opened.case)
    assert (case["assignee"], case["desk"]) == ("ann", "equities")
    assert (entry["type"], entry["actor"], entry["data"]["assignee"]) == ("case.assigned", NINA.actor(), "ann")


async def test_a_case_is_moved_by_who_sees_both_desks(scene, desks):
    opened = await scene.open()
    case = await do(scene, lambda c: casework.assign(c, opened.case, BOTH, assignee=None, desk="bonds"))
    assert (case["desk"], case["assignee"]) == ("bonds", None)


async def test_a_case_is_not_moved_to_a_desk_one_does_not_see(scene, desks):
    opened = await scene.open()
    with pytest.raises(Forbidden, match="desk bonds is not one of yours") as caught:
        await do(scene, lambda c: casework.assign(c, opened.case, NINA, assignee=None, desk="bonds"))
    assert caught.value.fix == "Somebody who sees both desks must move it."


async def test_a_case_is_not_moved_to_a_desk_that_no_account_has(scene, desks):
    opened = await scene.open()
    with pytest.raises(InvalidRequest, match="desk: no account belongs to 'bnods'") as caught:
        await do(scene, lambda c: casework.assign(c, opened.case, SUE, assignee=None, desk="bnods"))
    assert caught.value.fix == "Use one of: bonds, equities, unassigned."
    assert caught.value.extra["errors"] == [{"field": "desk", "cause": "not a desk of the book"}]


async def test_a_comment_is_an_entry_of_its_author_and_returns_its_number(scene):
    opened = await scene.open()
    seq = await do(scene, lambda c: casework.comment(c, opened.case, "phoned", NINA))
    entry = await last(scene, opened.case)
    assert (entry["seq"], entry["type"], entry["data"]) == (seq, "case.comment", {"text": "phoned"})
    assert entry["actor"] == NINA.actor()


@pytest.mark.parametrize(("held", "entry"), [(True, "case.held"), (False, "case.hold_ended")])
async def test_a_hold_is_set_and_ended_with_its_reason(held, entry, scene):
    opened = await scene.open()
    await do(scene, lambda c: cases.update(c, opened.case, legal_hold=not held))
    case = await do(scene, lambda c: casework.hold(c, opened.case, NINA, held=held, why="dispute"))
    said = await last(scene, opened.case)
    assert (case["legal_hold"], said["type"], said["data"]["why"]) == (held, entry, "dispute")
    assert said["actor"] == NINA.actor()


# -- opened again ---------------------------------------------------------------------------------------------


async def test_an_ended_case_goes_on_in_its_next_thread(scene):
    opened = await scene.open()
    await end(scene, opened)
    case = await do(scene, lambda c: casework.reopen(c, opened.case, "a wrong trade", NINA))
    entry = await last(scene, opened.case)
    assert (case["status"], case["phase"]) == ("open", "REOPENED")
    assert (entry["type"], entry["actor"], entry["data"]["why"]) == ("case.reopened", NINA.actor(), "a wrong trade")
    assert [t["state"] for t in await scene.sql("select state from threads order by n")] == ["ended", "live"]


async def test_an_open_case_is_not_opened_again(scene):
    opened = await scene.open()
    with pytest.raises(Conflict, match=r"^the case is open$") as caught:
        await do(scene, lambda c: casework.reopen(c, opened.case, "why", NINA))
    assert caught.value.fix == "Nothing is left to reopen."


@pytest.mark.parametrize(
    "half",
    [
        "update cases set status = 'failed' where id = %(id)s",
        "update threads set state = 'ended', outcome = 'failed' where case_id = %(id)s",
    ],
    ids=["only its case has ended", "only its thread has ended"],
)
async def test_a_case_whose_thread_and_status_disagree_is_not_opened_again(half, scene):
    opened = await scene.open()
    await scene.sql(half, id=opened.case)
    with pytest.raises(Conflict, match=r"^the case is open$"):
        await do(scene, lambda c: casework.reopen(c, opened.case, "why", NINA))


# -- tasks ------------------------------------------------------------------------------------------------------


async def a_task(scene, opened, *, thread=True):
    async with transaction(scene.pool) as conn:
        row = await tasks.put(
            conn,
            case_id=opened.case,
            thread_id=opened.thread if thread else None,
            source="s",
            step="s",
            kind="request_info",
            role="ops_analyst",
            text="why?",
        )
    return str(row["id"])


async def complete(scene, task, principal=NINA, comment=None):
    return await do(
        scene, lambda c: casework.complete_task(c, task, principal, result={"said": "yes"}, comment=comment)
    )


async def test_a_completed_task_lets_its_thread_go_on_with_the_result(scene):
    opened = await scene.open()
    task = await a_task(scene, opened)
    interrupt = await scene.waiting(opened, "task", ref=task)
    done = await complete(scene, task, comment="phoned")
    answer = {"type": "done", "result": {"said": "yes", "comment": "phoned"}, "by": "nina"}
    assert (done["state"], done["completed_by"]) == ("done", "nina")
    assert [r["payload"] for r in await scene.live_runs(opened.thread)] == [{"answers": {interrupt: answer}}]


async def test_a_completed_task_is_told_in_the_log(scene):
    opened = await scene.open()
    task = await a_task(scene, opened)
    await complete(scene, task, comment="phoned")
    entry = await last(scene, opened.case)
    assert (entry["type"], entry["actor"]) == ("task.completed", NINA.actor())
    assert entry["data"] == {
        "task_id": task,
        "kind": "request_info",
        "result": {"said": "yes"},
        "comment": "phoned",
    }


async def test_a_task_of_no_thread_is_completed_without_a_word(scene):
    task = await a_task(scene, await scene.open(), thread=False)
    done = await complete(scene, task)
    assert (done["state"], done["result"]) == ("done", {"said": "yes"})


async def test_a_task_of_another_desk_does_not_exist(scene):
    task = await a_task(scene, await scene.open())
    with pytest.raises(NotFound):
        await complete(scene, task, EVA)


async def test_a_task_is_completed_under_its_threads_lock(scene, database):
    opened = await scene.open()
    task = await a_task(scene, opened)

    async def hurried(conn):
        await conn.execute("set local lock_timeout = '100ms'")
        await casework.complete_task(conn, task, NINA, result={}, comment=None)

    async with await connect(database.api) as other, other.transaction():
        await threads.lock(other, opened.thread)
        with pytest.raises(LockNotAvailable):
            await once(scene, hurried)
