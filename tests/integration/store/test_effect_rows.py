"""Effects as rows: what is written, who sees which page of them, what a case's end and each state leave of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from tests.integration.store.scene import ANN, SUE
from workflow_orchestration.domain.errors import NotFound
from workflow_orchestration.store import effects
from workflow_orchestration.store.db import transaction

NOWHERE = "file:/nowhere"
BOTH = replace(ANN, desks=frozenset({"equities", "bonds"}))


async def put(scene, opened, **more):
    new = effects.NewEffect(
        **{
            "case_id": opened.case,
            "source": "s",
            "step": "1",
            "kind": "message",
            "receiver": NOWHERE,
            "type": "543",
            "recipient": "CUSTGB2L",
            "payload": ":20:X",
            **more,
        }
    )
    async with transaction(scene.pool) as conn:
        return await effects.put(conn, new)


async def page(scene, principal=ANN, **asked):
    async with scene.pool.connection() as conn:
        return [e["id"] for e in await effects.page(conn, principal, **asked)]


async def test_an_effect_is_written_with_all_that_its_delivery_needs(scene):
    opened = await scene.open()
    proposal = await scene.proposal(opened)
    told = {"action": "CHASE", "workflow": "settlement", "seen_seq": 7}
    row = await put(scene, opened, thread_id=opened.thread, proposal_id=proposal, **told)
    assert {name: row[name] for name in told} == told
    assert (str(row["thread_id"]), str(row["proposal_id"])) == (opened.thread, proposal)
    assert row["payload_sha"] == "sha256:" + hashlib.sha256(b":20:X").hexdigest()
    assert (row["state"], row["tries"], row["kind"], row["receiver"]) == ("pending", 0, "message", NOWHERE)
    [item] = await scene.sql("select case_id, thread_id, effect_id from work_items where kind = 'deliver'")
    assert [str(v) for v in item.values()] == [opened.case, opened.thread, str(row["id"])]


async def test_an_effect_of_nothing_but_a_case_belongs_to_no_thread_and_no_action(scene):
    row = await put(scene, await scene.open())
    assert [row[n] for n in ("thread_id", "proposal_id", "action", "workflow", "seen_seq")] == [None, None, "", "", 0]


async def test_a_key_is_the_source_and_the_step():
    assert effects.idempotency_key({"source": "a", "step": "b"}) == "a:b"


async def test_each_webhook_gets_the_same_event_under_a_key_of_its_own(scene):
    opened = await scene.open()
    async with transaction(scene.pool) as conn:
        await effects.put_webhooks(conn, ["http://one", "http://two"], "case.x", opened.case, {"n": 1})
    found = await scene.sql("select * from effects order by step")
    event = found[0]["source"].removeprefix("webhook:")
    assert [(e["source"], e["step"], e["receiver"], e["recipient"]) for e in found] == [
        (f"webhook:{event}", "0", "http://one", "http://one"),
        (f"webhook:{event}", "1", "http://two", "http://two"),
    ]
    assert {(e["kind"], e["type"], str(e["case_id"]), e["thread_id"]) for e in found} == {
        ("webhook", "case.x", opened.case, None)
    }
    assert [json.loads(e["payload"]) for e in found] == [
        {"id": event, "type": "case.x", "case_id": opened.case, "data": {"n": 1}}
    ] * 2


async def test_two_events_have_keys_of_their_own(scene):
    opened = await scene.open()
    async with transaction(scene.pool) as conn:
        for _ in range(2):
            await effects.put_webhooks(conn, ["http://one"], "case.x", opened.case, {})
    assert len(await scene.sql("select 1 from effects")) == 2


async def test_an_effect_is_seen_by_its_desk_and_by_who_sees_all(scene):
    effect = await scene.effect(await scene.open(), NOWHERE)
    async with scene.pool.connection() as conn:
        for who in (ANN, SUE):
            assert (await effects.get_visible(conn, str(effect["id"]), who))["id"] == effect["id"]
        with pytest.raises(NotFound, match=f"there is no effect {effect['case_id']}"):
            await effects.get_visible(conn, str(effect["case_id"]), ANN)


async def test_a_page_holds_what_is_asked_for_of_ones_desks_newest_first(scene):
    first, second, foreign = [await scene.open() for _ in range(3)]
    await scene.sql("update cases set desk = 'bonds' where id = %(id)s", id=foreign.case)
    sent = await scene.effect(first, NOWHERE)
    hook = await scene.effect(second, NOWHERE, kind="webhook")
    other = await scene.effect(foreign, NOWHERE)
    async with transaction(scene.pool) as conn:
        await effects.delivered(conn, str(sent["id"]), {})
    assert await page(scene) == [hook["id"], sent["id"]]
    assert await page(scene, SUE) == await page(scene, BOTH) == [other["id"], hook["id"], sent["id"]]
    assert await page(scene, state="delivered") == [sent["id"]]
    assert await page(scene, kind="webhook") == [hook["id"]]
    assert await page(scene, case_id=second.case) == [hook["id"]]
    assert await page(scene, limit=1) == [hook["id"]]


async def test_a_page_is_a_hundred_unless_more_is_asked_for(scene):
    opened = await scene.open()
    async with transaction(scene.pool) as conn:
        await effects.put_webhooks(conn, [f"http://{n}" for n in range(102)], "x", opened.case, {})
    assert (len(await page(scene)), len(await page(scene, limit=101))) == (100, 101)


async def test_what_is_open_of_a_case_is_its_pending_messages(scene):
    opened = await scene.open()
    sent, waiting = [await scene.effect(opened, NOWHERE) for _ in range(2)]
    await scene.effect(opened, NOWHERE, kind="webhook")
    await scene.effect(await scene.open(), NOWHERE)
    async with transaction(scene.pool) as conn:
        await effects.delivered(conn, str(sent["id"]), {"at": "x"})
        assert await effects.open_of_case(conn, opened.case) == [str(waiting["id"])]
        assert [e["id"] for e in await effects.delivered_of_case(conn, opened.case)] == [sent["id"]]


async def test_a_delivery_clears_the_last_error_and_keeps_the_receipt(scene):
    effect = await scene.effect(await scene.open(), NOWHERE)
    async with transaction(scene.pool) as conn:
        await effects.failed(conn, str(effect["id"]), "no route")
        assert (await effects.lock(conn, str(effect["id"])))["last_error"] == "no route"
        await effects.delivered(conn, str(effect["id"]), {"receiver": "r"})
    row = await scene.effect_now(effect["id"])
    assert (row["state"], row["last_error"], row["receipt"]) == ("delivered", None, {"receiver": "r"})
