"""What one case costs to keep: a whole W1 story (cancel and replace, two effects), counted before and after pruning.

The limits here are what docs/growth.md states.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.fin import CANCELLED, MATCHED, mt548
from tests.platform import ANN, BEN, platform
from workflow_orchestration.store import casework, retention, verify
from workflow_orchestration.store.db import retrying
from workflow_orchestration.worker import main
from workflow_orchestration.worker.runs import STRICT_RESUME
from workflow_orchestration.worker.saver import FencedSaver

MACHINERY = ("checkpoints", "checkpoint_blobs", "checkpoint_writes", "work_items")
#: What stays of a case for ever.
KEPT = ("cases", "case_references", "threads", "messages", "message_items", "proposals", "validations", "approvals",
        "decisions", "effects", "log_entries", "log_streams")  # fmt: skip
MOST_ROWS_KEPT, MOST_BYTES_KEPT = 110, 40 * 1024


@dataclass(frozen=True)
class Size:
    rows: int
    #: As PostgreSQL stores the rows (compressed where it does), without indexes.
    bytes: int


async def size(p, tables) -> Size:
    found = [
        (await p.sql(f"select count(*) as n, coalesce(sum(pg_column_size(x.*)), 0) as b from {table} x"))[0]
        for table in tables
    ]
    return Size(sum(f["n"] for f in found), int(sum(f["b"] for f in found)))


async def told(p) -> str:
    """The story; its case has then ended."""
    case_id = await p.post_sample("mt548-nmat-dmon-WO-1002")
    approval = await p.approval(case_id)
    await p.decide(approval, ANN)
    await p.decide(approval, BEN)
    await p.delivered(case_id, 1)
    await p.post(mt548("WO-1002", **CANCELLED))
    await p.delivered(case_id, 2)
    await p.phase(case_id, "AWAITING_EXTERNAL")
    await p.post(mt548("WO-1002-R1", **MATCHED, amount="EUR250000,00", movement="DELI"))
    await p.ended(case_id, "resolved")
    return case_id


async def age(p, days: int) -> None:
    await p.sql("with t as (update threads set ended_at = ended_at - make_interval(days => %(d)s) returning 1), "
                "w as (update work_items set finished_at = finished_at - make_interval(days => %(d)s) returning 1) "
                "select 1", d=days)  # fmt: skip


@pytest.fixture
async def p(database, tmp_path):
    async with platform(database.worker, tmp_path) as found:
        yield found


async def test_an_ended_case_keeps_few_rows_and_no_machinery(p):
    case_id = await told(p)
    await p.stop_worker()
    entries = await p.entries(case_id)
    before = await size(p, MACHINERY)
    await age(p, 91)
    assert await retrying(p.pool, lambda conn: retention.prune(conn, days=90)) == 1
    kept = await size(p, KEPT)
    print(f"machinery before {before}, after {await size(p, MACHINERY)}; kept {kept}")
    assert before.rows > 50
    assert await size(p, MACHINERY) == Size(0, 0)
    assert kept.rows <= MOST_ROWS_KEPT
    assert kept.bytes <= MOST_BYTES_KEPT
    assert await p.entries(case_id) == entries
    async with p.pool.connection() as conn:
        assert (await verify.verify(conn, {})).valid


async def test_langgraph_finds_nothing_of_a_pruned_thread(p):
    case_id = await told(p)
    [thread] = await p.sql("select id from threads where case_id = %(c)s", c=case_id)
    saver = FencedSaver(p.pool, [])
    config = {"configurable": {"thread_id": str(thread["id"]), STRICT_RESUME: True, "checkpoint_ns": ""}}
    assert await saver.aget_tuple(config) is not None
    await age(p, 91)
    await retrying(p.pool, lambda conn: retention.prune(conn, days=90))
    assert await saver.aget_tuple(config) is None


async def test_a_pruned_case_can_be_reopened_and_worked_on(p):
    case_id = await told(p)
    await age(p, 91)
    await retrying(p.pool, lambda conn: retention.prune(conn, days=90))
    await p.do(lambda conn: casework.reopen(conn, case_id, "again", ANN))
    await p.ended(case_id, "resolved")
    assert [e["type"] for e in await p.entries(case_id)].count("case.ended") == 2


@pytest.mark.parametrize(("days", "left"), [(90, False), (0, True)])
async def test_the_worker_prunes_by_itself_unless_retention_is_off(database, tmp_path, monkeypatch, days, left):
    monkeypatch.setattr(main, "_PRUNE_SECONDS", 0.2)
    async with platform(database.worker, tmp_path, retention_days=days) as p:
        case_id = await told(p)
        await age(p, 91)
        other = await p.post(mt548("WO-1001", status="PENF//LACK"))
        await p.wait_for(lambda: p.sql("select 1 from proposals where case_id = %(c)s", c=other.items[0]["case_id"]),
                         "a proposal, a while later")  # fmt: skip
        if not left:
            await p.wait_for(lambda: p.sql("select 1 from threads where pruned_at is not null"), "the pruner")
        found = await p.sql("select 1 from work_items where case_id = %(c)s", c=case_id)
        assert bool(found) is left


async def test_the_log_of_a_pruned_case_cannot_be_removed_by_the_worker(p):
    [row] = await p.sql("select has_table_privilege('log_entries', 'delete') as d, "
                        "has_table_privilege('log_entries', 'update') as u")  # fmt: skip
    assert (row["d"], row["u"]) == (False, False)
