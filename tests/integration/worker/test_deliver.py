"""Deliver one effect: judged at the last moment, sent under one key, recorded; or refused, visibly."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from datetime import datetime, timedelta

import httpx
import pytest

from tests.integration.store.scene import SUE
from tests.integration.worker import toy
from tests.integration.worker.receiver import receiver
from workflow_orchestration.domain.errors import LeaseLost
from workflow_orchestration.domain.facts import Outcome
from workflow_orchestration.store import effects, kill, operators
from workflow_orchestration.store.approvals import Policy
from workflow_orchestration.store.db import retrying, transaction
from workflow_orchestration.store.notify import Notifier
from workflow_orchestration.worker import deliver, receivers
from workflow_orchestration.worker.deliver import Deliverer
from workflow_orchestration.worker.reconcile import reconcile

HOOK = Policy(60, 15, ("http://hook",))
SECRET = "0123456789abcdef"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The toy workflow, whose rules forbid nothing; and receivers that are given up on after 0.3 s, not 10 s."""
    toy.install(monkeypatch)
    monkeypatch.setattr(receivers, "_HTTP_TIMEOUT", httpx.Timeout(0.3))


@pytest.fixture
async def opened(scene):
    return await scene.open()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "outbox"


async def deliver_once(scene, effect, *, policy=HOOK, retry_hours=24.0, secret=None):
    """Claim the effect's delivery and carry it out once, as a worker would."""
    await scene.sql(
        "update work_items set not_before = now(), lease_until = now() where effect_id = %(e)s "
        "and status in ('pending', 'running')",
        e=effect["id"],
    )
    [item] = [i for i in await scene.claim(limit=100) if i["effect_id"] == effect["id"]]
    async with httpx.AsyncClient() as client:
        await Deliverer(scene.pool, Notifier(scene.pool), client, policy, retry_hours, secret).run(item)
    return await scene.effect_now(effect["id"])


async def delivery(scene, effect):
    return (
        await scene.sql(
            "select *, extract(epoch from not_before - now()) as delay from work_items "
            "where effect_id = %(e)s order by created_at desc limit 1",
            e=effect["id"],
        )
    )[0]


async def said(scene, opened):
    return [e for e in await scene.entries(opened.case) if e["type"].startswith("effect.")]


async def switch(scene, scope, *, engaged):
    async with transaction(scene.pool) as conn:
        await kill.put(conn, scope, engaged=engaged, reason="a rogue day", principal=SUE)


async def retry(scene, effect):
    await retrying(scene.pool, lambda c: operators.retry_effect(c, str(effect["id"]), SUE, None))


def files(folder):
    return sorted(p.name for p in folder.glob("*")) if folder.exists() else []


# -- the directory ------------------------------------------------------------------------------------------


async def test_a_delivered_effect_is_one_file_a_receipt_and_a_log_entry(scene, opened, folder):
    effect = await deliver_once(scene, await scene.effect(opened, f"file:{folder}"))
    assert (effect["state"], effect["tries"], effect["receipt"]["repeated"]) == ("delivered", 1, False)
    assert [p.read_bytes() for p in folder.iterdir()] == [effect["payload"].encode()]
    assert [e["type"] for e in await said(scene, opened)] == ["effect.delivered"]
    assert (await delivery(scene, effect))["status"] == "done"


async def test_a_worker_that_died_between_file_and_record_makes_no_second_file(scene, opened, folder, monkeypatch):
    effect = await scene.effect(opened, f"file:{folder}")

    async def die(*args):
        raise toy.Killed

    with monkeypatch.context() as patch:
        patch.setattr(Deliverer, "_delivered", die)
        with pytest.raises(toy.Killed):
            await deliver_once(scene, effect)
    effect = await deliver_once(scene, effect)
    assert (effect["state"], effect["receipt"]["repeated"], len(files(folder))) == ("delivered", True, 1)


async def test_a_delivery_lets_the_thread_that_waits_for_it_go_on(scene, opened, folder):
    effect = await scene.effect(opened, f"file:{folder}")
    interrupt = await scene.waiting(opened, "effect", ref=str(effect["id"]))
    await deliver_once(scene, effect)
    assert [r["payload"] for r in await scene.live_runs(opened.thread)] == [
        {"answers": {interrupt: {"type": "delivered"}}}
    ]


async def test_a_full_or_missing_folder_is_tried_again(scene, opened, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    effect = await deliver_once(scene, await scene.effect(opened, f"file:{tmp_path / 'file'}"))
    assert (effect["state"], effect["tries"]) == ("pending", 1)
    assert "exists" in effect["last_error"].lower() or "directory" in effect["last_error"].lower()


async def test_a_worker_that_lost_the_item_while_sending_records_nothing(scene, opened, folder, monkeypatch):
    effect = await scene.effect(opened, f"file:{folder}")
    stock = receivers.deliver

    async def slow(*args, **kwargs):
        await scene.sql("update work_items set epoch = epoch + 1 where effect_id = %(e)s", e=effect["id"])
        return await stock(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(receivers, "deliver", slow)
        with pytest.raises(LeaseLost):
            await deliver_once(scene, effect)
    assert (await scene.effect_now(effect["id"]))["state"] == "pending"
    assert (await deliver_once(scene, effect))["receipt"]["repeated"] is True  # its next owner finds the file


# -- HTTP ---------------------------------------------------------------------------------------------------


async def test_a_receiver_that_fails_and_then_takes_it_sees_one_key_twice(scene, opened):
    async with receiver(500, 200) as there:
        effect = await deliver_once(scene, await scene.effect(opened, there.url))
        assert (effect["state"], effect["last_error"]) == ("pending", f"{there.url} answered 500")
        effect = await deliver_once(scene, effect)
    assert (effect["state"], effect["tries"], effect["last_error"]) == ("delivered", 2, None)
    assert {h["idempotency-key"] for h, _ in there.got} == {effects.idempotency_key(effect)}
    assert [body for _, body in there.got] == [effect["payload"].encode()] * 2


async def test_a_receiver_that_has_it_already_counts_as_delivered(scene, opened):
    async with receiver(409) as there:
        effect = await deliver_once(scene, await scene.effect(opened, there.url))
    assert (effect["state"], effect["receipt"]["repeated"], effect["receipt"]["status"]) == ("delivered", True, 409)


async def test_a_receiver_that_does_not_answer_in_time_is_asked_again_with_the_same_key(scene, opened):
    async with receiver(0, 200) as there:
        effect = await deliver_once(scene, await scene.effect(opened, there.url))
        assert effect["state"] == "pending"
        assert "Timeout" in effect["last_error"]
        effect = await deliver_once(scene, effect)
    assert (effect["state"], len({h["idempotency-key"] for h, _ in there.got})) == ("delivered", 1)


async def test_an_absent_receiver_is_tried_again_later_and_charges_no_attempt(scene, opened):
    effect = await scene.effect(opened, "http://127.0.0.1:1/effects")
    delays = []
    for _ in range(4):
        effect = await deliver_once(scene, effect)
        item = await delivery(scene, effect)
        assert (effect["state"], item["status"], item["attempt"]) == ("pending", "pending", 0)
        delays.append(float(item["delay"]))
    assert all(0.7 * 2**n < d < 1.3 * 2**n for n, d in enumerate(delays)), delays


async def test_tries_wait_no_longer_than_a_quarter_of_an_hour(scene, opened):
    effect = await scene.effect(opened, "http://127.0.0.1:1/effects")
    await scene.sql("update effects set tries = 40")
    await deliver_once(scene, effect)
    assert 700 < (await delivery(scene, effect))["delay"] < 1100


async def test_a_webhook_is_signed_with_the_secret(scene, opened):
    async with receiver(204) as there:
        effect = await deliver_once(scene, await scene.effect(opened, there.url, kind="webhook"), secret=SECRET)
    [(headers, body)] = there.got
    assert headers["x-signature"] == "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert (effect["state"], headers["content-type"]) == ("delivered", "application/json")


async def test_retries_end_in_a_visible_refusal_after_their_hours(scene, opened):
    effect = await deliver_once(scene, await scene.effect(opened, "http://127.0.0.1:1/effects"))
    await scene.sql("update effects set retry_from = now() - interval '25 hours'")
    effect = await deliver_once(scene, effect)
    assert (effect["state"], effect["refusal"]["rule"], effect["refusal"]["in_doubt"]) == ("refused", "retries", True)
    assert "not delivered in 24 h" in effect["refusal"]["detail"]


async def test_a_worker_whose_clock_is_days_off_refuses_nothing(scene, opened, folder, monkeypatch):
    class Ahead(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(days=2)

    monkeypatch.setattr(deliver, "datetime", Ahead, raising=False)
    assert (await deliver_once(scene, await scene.effect(opened, f"file:{folder}")))["state"] == "delivered"


async def test_a_retry_begins_its_hours_anew(scene, opened):
    async with receiver(200) as there:
        effect = await scene.effect(opened, there.url)
        await scene.sql("update effects set retry_from = now() - interval '25 hours'")
        assert (await deliver_once(scene, effect))["state"] == "refused"
        await retry(scene, effect)
        assert (await deliver_once(scene, effect))["state"] == "delivered"


# -- what forbids it ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["all", "workflow:settlement", "action:CHASE"])
async def test_a_kill_switch_refuses_at_once_and_names_itself_and_a_retry_after_its_release_delivers(
    scope, scene, opened, folder
):
    await switch(scene, scope, engaged=True)
    effect = await deliver_once(scene, await scene.effect(opened, f"file:{folder}"))
    assert (effect["state"], effect["refusal"]) == (
        "refused",
        {"rule": "kill switch", "detail": f"{scope}: a rogue day", "in_doubt": False},
    )
    assert files(folder) == []
    await switch(scene, scope, engaged=False)
    await retry(scene, effect)
    assert ((await deliver_once(scene, effect))["state"], len(files(folder))) == ("delivered", 1)


async def test_a_refusal_is_told_to_the_log_and_to_the_webhooks(scene, opened, folder):
    await switch(scene, "all", engaged=True)
    effect = await deliver_once(scene, await scene.effect(opened, f"file:{folder}"))
    [entry] = await said(scene, opened)
    assert (entry["type"], entry["data"]["rule"], entry["data"]["effect_id"]) == (
        "effect.refused",
        "kill switch",
        str(effect["id"]),
    )
    [hook] = await scene.sql("select receiver, type from effects where kind = 'webhook'")
    assert (hook["receiver"], hook["type"]) == ("http://hook", "effect.refused")


async def test_a_refused_effect_is_not_tried_again_by_itself(scene, opened, folder):
    await switch(scene, "all", engaged=True)
    effect = await deliver_once(scene, await scene.effect(opened, f"file:{folder}"))
    await switch(scene, "all", engaged=False)
    await reconcile(scene.pool, max_attempts=5)
    assert effect["id"] not in {i["effect_id"] for i in await scene.claim(limit=100)}
    assert (await scene.effect_now(effect["id"]))["state"] == "refused"


async def test_a_kill_switch_stops_no_webhook(scene, opened):
    await switch(scene, "all", engaged=True)
    async with receiver(200) as there:
        assert (await deliver_once(scene, await scene.effect(opened, there.url, kind="webhook")))[
            "state"
        ] == "delivered"


async def test_what_had_reached_its_receiver_before_the_switch_is_recorded_as_delivered(scene, opened, folder):
    effect = await scene.effect(opened, f"file:{folder}")
    receivers.to_directory(folder, effect)
    await scene.sql("update effects set tries = 1")  # the worker died before it could say so
    await switch(scene, "all", engaged=True)
    effect = await deliver_once(scene, effect)
    assert (effect["state"], effect["receipt"]["repeated"]) == ("delivered", True)


async def test_another_content_under_its_key_is_not_taken_for_a_delivery(scene, opened, folder):
    effect = await scene.effect(opened, f"file:{folder}")
    receivers.to_directory(folder, {**effect, "payload": "somebody else's"})
    effect = await deliver_once(scene, effect)
    assert (effect["state"], "other content" in effect["last_error"]) == ("pending", True)
    await switch(scene, "all", engaged=True)
    assert (await deliver_once(scene, effect))["state"] == "refused"


async def test_a_rule_that_went_stale_refuses_and_is_named(scene, opened, folder, monkeypatch):
    async def stale(conn, effect):
        return (Outcome(validator="V13", version="1", outcome="FAIL", detail="the status changed"),)

    monkeypatch.setattr(
        deliver,
        "WORKFLOWS",
        {"settlement": toy.Workflow(toy.TOY.build, toy.TOY.start, toy.TOY.state_types, toy.TOY.outcome, stale)},
    )
    effect = await deliver_once(scene, await scene.effect(opened, f"file:{folder}"))
    assert effect["refusal"] == {"rule": "V13", "detail": "V13: the status changed", "in_doubt": False}
    assert files(folder) == []


async def test_a_cancelled_effect_is_not_sent(scene, opened, folder):
    effect = await scene.effect(opened, f"file:{folder}")
    await retrying(scene.pool, lambda c: operators.cancel_effect(c, str(effect["id"]), SUE, None))
    assert (await deliver_once(scene, effect))["state"] == "cancelled"
    assert (files(folder), (await delivery(scene, effect))["status"]) == ([], "done")


async def test_what_left_before_it_was_cancelled_is_recorded_as_delivered(scene, opened, folder, monkeypatch):
    effect = await scene.effect(opened, f"file:{folder}")
    stock = receivers.deliver

    async def cancelled_meanwhile(*args, **kwargs):
        receipt = await stock(*args, **kwargs)
        await retrying(scene.pool, lambda c: operators.cancel_effect(c, str(effect["id"]), SUE, None))
        return receipt

    with monkeypatch.context() as patch:
        patch.setattr(receivers, "deliver", cancelled_meanwhile)
        assert (await deliver_once(scene, effect))["state"] == "delivered"


async def test_a_cancel_and_a_delivery_at_once_have_one_outcome_each_time(scene, opened, folder):
    for _ in range(10):
        effect = await scene.effect(opened, f"file:{folder}")
        name = receivers.file_name(effect)
        jobs = (
            deliver_once(scene, effect),
            retrying(scene.pool, lambda c, e=effect: operators.cancel_effect(c, str(e["id"]), SUE, None)),
        )
        await asyncio.gather(*jobs, return_exceptions=True)
        state = (await scene.effect_now(effect["id"]))["state"]
        assert (state, name in files(folder)) in (("delivered", True), ("cancelled", False))
