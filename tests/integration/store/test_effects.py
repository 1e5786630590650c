"""Effects as rows: once a key, with the item that delivers it; and what operators may do to them."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.store.scene import ANN, SUE
from workflow_orchestration.domain.errors import Conflict, IdempotencyMismatch, InvalidRequest, NotFound
from workflow_orchestration.store import effects, idempotency, kill, operators
from workflow_orchestration.store.db import make_pool, retrying, transaction
from workflow_orchestration.store.idempotency import Answer

NOWHERE = "file:/nowhere"


async def deliveries(scene, effect):
    return [
        r["status"]
        for r in await scene.sql(
            "select status from work_items where effect_id = %(e)s order by created_at", e=effect["id"]
        )
    ]


async def refuse(scene, effect):
    async with transaction(scene.pool) as conn:
        await effects.refuse(conn, str(effect["id"]), {"rule": "kill switch"})
    await scene.sql("update work_items set status = 'done' where effect_id = %(e)s", e=effect["id"])


async def do(scene, door, effect):
    return await retrying(scene.pool, lambda c: door(c, str(effect["id"]), SUE, "why"))


async def test_an_effect_is_written_once_a_key_with_one_delivery(scene):
    opened = await scene.open()
    first = await scene.effect(opened, NOWHERE, source="s", step="1")
    again = await scene.effect(opened, NOWHERE, source="s", step="1", payload="other")
    other = await scene.effect(opened, NOWHERE, source="s", step="2")
    assert (again["id"], again["payload"]) == (first["id"], first["payload"])
    assert other["id"] != first["id"]
    assert len(await scene.sql("select 1 from effects")) == 2
    assert len(await scene.sql("select 1 from work_items where kind = 'deliver'")) == 2


async def test_many_writers_of_one_key_at_once_make_one_effect(scene):
    opened = await scene.open()
    found = await asyncio.gather(*(scene.effect(opened, NOWHERE, source="s", step="1") for _ in range(8)))
    assert len({e["id"] for e in found}) == 1
    assert len(await scene.sql("select 1 from work_items where kind = 'deliver'")) == 1


async def test_only_a_refused_effect_is_retried_and_it_keeps_its_key(scene):
    effect = await scene.effect(await scene.open(), NOWHERE)
    with pytest.raises(Conflict, match="only a refused one"):
        await do(scene, operators.retry_effect, effect)
    await refuse(scene, effect)
    again = await do(scene, operators.retry_effect, effect)
    assert (again["state"], again["refusal"], again["source"]) == ("pending", None, effect["source"])
    assert await deliveries(scene, effect) == ["done", "pending"]


async def test_a_cancelled_effect_lets_its_thread_go_on(scene):
    opened = await scene.open()
    effect = await scene.effect(opened, NOWHERE)
    await refuse(scene, effect)
    interrupt = await scene.waiting(opened, "effect", ref=str(effect["id"]))
    assert (await do(scene, operators.cancel_effect, effect))["state"] == "cancelled"
    assert [r["payload"] for r in await scene.live_runs(opened.thread)] == [
        {"answers": {interrupt: {"type": "cancelled"}}}
    ]
    with pytest.raises(Conflict, match="only a pending or refused"):
        await do(scene, operators.cancel_effect, effect)


async def test_cancelling_says_when_a_delivery_is_on_its_way(scene):
    effect = await scene.effect(await scene.open(), NOWHERE)
    await scene.claim()
    assert (await do(scene, operators.cancel_effect, effect))["delivery_in_progress"] is True


async def test_an_effect_of_another_desk_is_not_found(scene):
    effect = await scene.effect(await scene.open(), NOWHERE)
    await scene.sql("update cases set desk = 'bonds'")
    async with scene.pool.connection() as conn:
        with pytest.raises(NotFound):
            await effects.get_visible(conn, str(effect["id"]), ANN)


# -- kill switches ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "stops"),
    [
        ("all", True),
        ("workflow:settlement", True),
        ("action:CHASE", True),
        ("workflow:other", False),
        ("action:WAIT", False),
    ],
)
async def test_a_switch_stops_what_its_scope_names_until_it_is_released(scope, stops, scene):
    async with transaction(scene.pool) as conn:
        for engaged in (True, False):
            await kill.put(conn, scope, engaged=engaged, reason="why", principal=SUE)
            found = await kill.engaged(conn, workflow="settlement", action="CHASE")
            assert (found is not None) == (stops and engaged)
    assert [e["type"] for e in await scene.entries("system")] == ["kill_switch.engaged", "kill_switch.released"]


async def test_a_switch_survives_a_restart(scene, database):
    async with transaction(scene.pool) as conn:
        await kill.put(conn, "all", engaged=True, reason="why", principal=SUE)
    async with make_pool(database.worker, size=1, name="restarted") as pool, pool.connection() as conn:
        assert await kill.engaged(conn, workflow="w", action="A") is not None


@pytest.mark.parametrize("scope", ["", "everything", "workflow:", "action:chase", "workflow:a;b"])
async def test_a_scope_that_stops_nothing_is_refused(scope, scene):
    async with scene.pool.connection() as conn:
        with pytest.raises(InvalidRequest, match="scope"):
            await kill.put(conn, scope, engaged=True, reason="why", principal=SUE)


# -- idempotency keys ---------------------------------------------------------------------------------------


async def use_key(scene, body, principal="desk"):
    async def once(conn):
        stored = await idempotency.reserve(conn, principal, "key", body)
        if stored is None:
            await idempotency.store(conn, principal, "key", Answer(202, {"made": True}, "/v1/x"))
        return stored

    return await retrying(scene.pool, once)


async def test_the_same_key_and_body_get_the_stored_answer(scene):
    assert await use_key(scene, b"body") is None
    assert await use_key(scene, b"body") == Answer(202, {"made": True}, "/v1/x")
    assert await use_key(scene, b"other", "somebody else") is None


async def test_the_same_key_with_another_body_is_refused(scene):
    await use_key(scene, b"body")
    with pytest.raises(IdempotencyMismatch, match="another body"):
        await use_key(scene, b"other")


async def test_many_requests_with_one_key_at_once_do_the_work_once(scene):
    found = await asyncio.gather(*(use_key(scene, b"body") for _ in range(8)))
    assert found.count(None) == 1
