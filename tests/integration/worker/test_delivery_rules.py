"""W1's own last check, with real proposals: what went stale or was touched after approval does not leave."""

from __future__ import annotations

import psycopg
import pytest

from tests.platform import ANN, SAMPLE, SUE, platform
from workflow_orchestration.store import kill, operators
from workflow_orchestration.store.db import retrying


@pytest.fixture
async def refused(database, tmp_path):
    """A platform whose approved chaser was held back by a kill switch, now released: (platform, case, effect)."""
    async with platform(database.worker, tmp_path) as p:
        await p.do(lambda c: kill.put(c, "all", engaged=True, reason="hold", principal=SUE))
        case_id = await p.post_sample("mt548-nmat-dmon-WO-1001")
        await p.decide(await p.approval(case_id), ANN)
        [effect] = await p.wait_for(lambda: in_state(p, case_id, "refused"), "the refusal")
        await p.do(lambda c: kill.put(c, "all", engaged=False, reason="go", principal=SUE))
        yield p, case_id, effect


async def in_state(p, case_id, state):
    return [e for e in await p.effects(case_id) if e["state"] == state]


async def retry(p, effect):
    await p.do(lambda c: operators.retry_effect(c, str(effect["id"]), SUE, None))


async def test_a_released_effect_leaves_as_it_was_approved(refused):
    p, case_id, effect = refused
    await retry(p, effect)
    await p.delivered(case_id, 1)
    assert [f.read_bytes().decode() for f in p.outbox()] == [effect["payload"]]


async def test_a_message_that_was_touched_after_approval_is_refused_by_v14(refused, database):
    p, case_id, effect = refused
    with psycopg.connect(database.owner) as conn:
        conn.execute(
            "update effects set payload = replace(payload, 'WO-1001', 'WO-9999') where id = %s", (effect["id"],)
        )
    await retry(p, effect)
    [again] = await p.wait_for(lambda: refused_by(p, case_id, "V14"), "the refusal by V14")
    assert p.outbox() == []
    assert "another one" in again["refusal"]["detail"] or "hash" in again["refusal"]["detail"]


async def refused_by(p, case_id, rule):
    return [e for e in await in_state(p, case_id, "refused") if e["refusal"] and e["refusal"]["rule"] == rule]


async def test_an_effect_whose_case_has_a_newer_status_does_not_leave(refused):
    p, case_id, effect = refused
    await p.stop_worker()
    await retry(p, effect)
    await p.post((SAMPLE / "messages" / "mt548-nmat-dmon-WO-1001.fin").read_bytes().decode().replace("DMON", "DDAT"))
    await p.start_worker()

    async def judged():
        return [e for e in await p.entries(case_id) if e["type"] == "effect.refused" and e["data"]["rule"] == "V13"]

    await p.wait_for(judged, "the refusal by V13")
    assert p.outbox() == []
    again = await p.approval(case_id)  # people see it anew
    assert again["proposal_id"] != effect["proposal_id"]


async def test_without_an_approval_nothing_leaves(refused, database):
    p, case_id, effect = refused
    with psycopg.connect(database.owner) as conn:
        conn.execute("update approvals set state = 'superseded'")
    await retrying(p.pool, lambda c: operators.retry_effect(c, str(effect["id"]), SUE, None))
    await p.sql("select pg_notify('wo', 'work')")
    await p.wait_for(lambda: refused_by(p, case_id, "V14"), "the refusal by V14")
    assert p.outbox() == []
