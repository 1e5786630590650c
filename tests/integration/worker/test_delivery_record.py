"""What a delivery leaves behind and hands over: headers, receipts, log entries, webhooks' bodies, wake-ups."""

from __future__ import annotations

import hashlib
import json
import random
from datetime import UTC, datetime

import httpx
import pytest

from tests.integration.store.scene import SUE
from tests.integration.worker import toy
from tests.integration.worker.receiver import receiver
from workflow_orchestration.domain.errors import DeliveryFailed
from workflow_orchestration.domain.facts import Outcome
from workflow_orchestration.store import effects, kill
from workflow_orchestration.store.approvals import Policy
from workflow_orchestration.store.db import transaction
from workflow_orchestration.store.notify import WORK
from workflow_orchestration.worker import deliver, receivers
from workflow_orchestration.worker.deliver import Deliverer

HOOKS = Policy(60, 15, ("http://one", "http://two"))
NOBODY = "http://127.0.0.1:1/effects"


@pytest.fixture(autouse=True)
def toy_workflow(monkeypatch):
    toy.install(monkeypatch)


@pytest.fixture
async def opened(scene):
    return await scene.open()


class Wakes(list):
    """A notifier that only remembers."""

    def wake(self, *words):
        self.extend(words)


async def deliver_once(scene, effect, *, wakes=None, secret=None):
    item = {i["effect_id"]: i for i in await scene.claim(limit=100)}[effect["id"]]
    async with httpx.AsyncClient() as client:
        notifier = Wakes() if wakes is None else wakes
        await Deliverer(scene.pool, notifier, client, HOOKS, 24.0, secret).run(item)
    return await scene.effect_now(effect["id"])


async def last(scene, opened):
    return (await scene.entries(opened.case))[-1]


async def forbid(scene):
    async with transaction(scene.pool) as conn:
        await kill.put(conn, "all", engaged=True, reason="a rogue day", principal=SUE)


def named(effect):
    """How the log names an effect."""
    return {
        "effect_id": str(effect["id"]),
        "key": effects.idempotency_key(effect),
        "type": "599",
        "action": "CHASE",
        "payload_sha": "sha256:" + hashlib.sha256(effect["payload"].encode()).hexdigest(),
    }


# -- what the receiver gets and says ----------------------------------------------------------------------------


async def test_a_message_over_http_says_its_key_its_type_and_that_it_is_text(scene, opened):
    async with receiver(200) as there:
        effect = await deliver_once(scene, await scene.effect(opened, there.url))
    [(headers, _)] = there.got
    said = {name: headers.get(name) for name in ("idempotency-key", "x-effect-type", "content-type", "x-signature")}
    assert said == {
        "idempotency-key": effects.idempotency_key(effect),
        "x-effect-type": "599",
        "content-type": "text/plain; charset=utf-8",
        "x-signature": None,
    }


async def test_a_receipt_over_http_says_who_answered_what_and_when(scene, opened):
    async with receiver(201) as there:
        effect = await deliver_once(scene, await scene.effect(opened, there.url))
    at, now = datetime.fromisoformat(effect["receipt"].pop("at")), datetime.now(UTC)
    assert (at.utcoffset().total_seconds(), abs((now - at).total_seconds()) < 60) == (0, True)
    assert effect["receipt"] == {"receiver": there.url, "status": 201, "repeated": False}


async def test_a_receipt_of_the_directory_says_which_file_and_what_is_in_it(scene, opened, tmp_path):
    effect = await deliver_once(scene, await scene.effect(opened, f"file:{tmp_path}"))
    file = tmp_path / receivers.file_name(effect)
    assert effect["receipt"] == {
        "receiver": "directory",
        "file": str(file),
        "repeated": False,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }


async def test_a_receiver_has_ten_seconds_to_answer_and_three_to_be_there(scene, opened):
    asked = []

    def answer(request):
        asked.append(request.extensions["timeout"])
        return httpx.Response(200)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        await receivers.deliver(await scene.effect(opened, "http://there"), client, webhook_secret=None)
    assert [(a["connect"], a["read"]) for a in asked] == [(3, 10)]


@pytest.mark.parametrize(("answer", "status"), [(300, 300), (404, 404), (500, 500)])
async def test_an_answer_that_is_no_success_is_a_failure_that_says_its_status(answer, status, scene, opened):
    async with receiver(answer) as there, httpx.AsyncClient() as client:
        effect = await scene.effect(opened, there.url)
        with pytest.raises(DeliveryFailed, match=f"answered {status}") as caught:
            await receivers.deliver(effect, client, webhook_secret=None)
    assert caught.value.extra == {"status_code": status}


async def test_a_receiver_that_is_not_there_is_named_with_what_happened(scene, opened):
    effect = await deliver_once(scene, await scene.effect(opened, NOBODY))
    assert effect["last_error"].startswith(f"{NOBODY}: ConnectError ")
    [item] = await scene.sql("select status, attempt, error from work_items where kind = 'deliver'")
    assert item == {"status": "pending", "attempt": 0, "error": effect["last_error"]}


def test_a_folder_that_is_missing_is_made_and_holds_nothing_but_the_file(tmp_path):
    made = {"source": "s", "step": "1", "kind": "message", "type": "543", "payload": "x"}
    receivers.to_directory(tmp_path / "a" / "b", made)
    receivers.to_directory(tmp_path / "a" / "b", made)
    assert [p.name for p in (tmp_path / "a" / "b").iterdir()] == ["s_1.fin"]


async def test_tries_are_put_off_by_a_fifth_more_or_less(scene, opened, monkeypatch):
    drawn = []
    monkeypatch.setattr(random, "uniform", lambda least, most: drawn.append((least, most)) or most)
    await deliver_once(scene, await scene.effect(opened, NOBODY))
    [wait] = await scene.sql(
        "select extract(epoch from not_before - now()) as seconds from work_items where kind = 'deliver'"
    )
    assert (0.8, 1.2) in drawn
    assert 1.0 < wait["seconds"] <= 1.2


# -- what is told -----------------------------------------------------------------------------------------------


async def test_a_delivery_is_told_to_the_log_with_its_receipt(scene, opened, tmp_path):
    effect = await deliver_once(scene, await scene.effect(opened, f"file:{tmp_path}"))
    entry = await last(scene, opened)
    assert (entry["type"], entry["actor"]) == ("effect.delivered", {"type": "service", "id": "worker"})
    assert entry["data"] == {**named(effect), "receipt": effect["receipt"]}


async def test_a_refusal_is_told_to_the_log_and_to_each_webhook_in_the_same_words(scene, opened, tmp_path):
    await forbid(scene)
    effect = await deliver_once(scene, await scene.effect(opened, f"file:{tmp_path}"))
    entry = await last(scene, opened)
    refusal = {"rule": "kill switch", "detail": "all: a rogue day", "in_doubt": False}
    hooks = await scene.sql("select receiver, payload from effects where kind = 'webhook' order by step")
    bodies = [json.loads(h["payload"]) for h in hooks]
    assert (entry["type"], entry["data"]) == ("effect.refused", {**named(effect), **refusal})
    assert [h["receiver"] for h in hooks] == ["http://one", "http://two"]
    assert [(b["type"], b["case_id"], b["data"]) for b in bodies] == [
        ("effect.refused", opened.case, entry["data"])
    ] * 2


async def test_a_webhook_that_is_refused_is_told_to_no_webhook(scene, opened):
    effect = await scene.effect(opened, NOBODY, kind="webhook", thread_id=None)
    await scene.sql("update effects set retry_from = now() - interval '25 hours'")
    assert (await deliver_once(scene, effect))["refusal"]["rule"] == "retries"
    assert len(await scene.sql("select 1 from effects")) == 1
    assert (await last(scene, opened))["type"] == "effect.refused"


async def test_all_rules_that_went_stale_are_told_and_the_first_names_the_refusal(scene, opened, monkeypatch):
    async def stale(conn, effect):
        return tuple(
            Outcome(validator=name, version="1", outcome="FAIL", detail=f"{name} is stale") for name in ("V13", "V14")
        )

    workflow = toy.Workflow(toy.TOY.build, toy.TOY.start, toy.TOY.state_types, toy.TOY.outcome, stale)
    monkeypatch.setattr(deliver, "WORKFLOWS", {"settlement": workflow})
    effect = await deliver_once(scene, await scene.effect(opened, NOBODY))
    assert effect["refusal"] == {
        "rule": "V13",
        "detail": "V13: V13 is stale; V14: V14 is stale",
        "in_doubt": False,
    }


@pytest.mark.parametrize("there", [True, False])
async def test_whoever_waits_for_the_case_or_for_work_is_woken(there, scene, opened, tmp_path):
    wakes = Wakes()
    address = f"file:{tmp_path}" if there else NOBODY
    await deliver_once(scene, await scene.effect(opened, address), wakes=wakes)
    assert wakes == [opened.case, WORK]


async def test_an_effect_of_no_thread_is_delivered_too(scene, opened, tmp_path):
    effect = await deliver_once(scene, await scene.effect(opened, f"file:{tmp_path}", thread_id=None))
    assert (effect["state"], (await last(scene, opened))["type"]) == ("delivered", "effect.delivered")


async def test_a_refusal_lets_the_thread_see_that_the_world_moved_on(scene, opened, tmp_path):
    effect = await scene.effect(opened, f"file:{tmp_path}")
    interrupt = await scene.waiting(opened, "effect", ref=str(effect["id"]))
    await scene.sql("update cases set changed_seq = 1")
    await forbid(scene)
    await deliver_once(scene, effect)
    assert [r["payload"] for r in await scene.live_runs(opened.thread)] == [
        {"answers": {interrupt: {"type": "refresh"}}}
    ]
