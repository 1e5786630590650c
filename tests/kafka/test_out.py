"""The log out: every entry, each case's in order, once where nobody crashes."""

from __future__ import annotations

import asyncio
import json

from prometheus_client import REGISTRY

from tests.fin import MATCHED, mt548
from tests.kafka.check import check
from workflow_orchestration.store import log
from workflow_orchestration.store.db import retrying, transaction


async def test_every_entry_is_on_the_topic_once_with_its_case_as_key(here):
    await here.start()
    texts = [mt548(f"OUT-{n}") for n in range(10)]
    for text in texts:
        await here.post(text)
    await here.until_sent()
    checked = await check(here, good=texts)
    assert (checked.cases, checked.repeated) == (10, 0)
    assert checked.entries >= 20


async def test_what_was_logged_before_the_first_bridge_started_is_sent_too(here):
    texts = [mt548(f"OUT-1{n:03d}") for n in range(250)]  # more than a page
    for text in texts:
        await here.post(text)
    await here.start()
    await here.until_sent()
    assert (await check(here, good=texts)).repeated == 0


async def test_entries_without_a_case_are_sent_under_the_key_system(here):
    await here.start()
    await retrying(here.pool, lambda c: log.append(c, log.SYSTEM, [log.Entry("kill.engaged", log.WORKER)]))
    await here.until_sent()
    event = (await here.events_by_case())["system"][-1]
    assert (event["type"], event["source"]) == ("workflow-orchestration.kill.engaged.v1", "/v1/log")


async def test_a_new_bridge_goes_on_where_the_last_one_stopped(here):
    texts = [mt548("OUT-2"), mt548("OUT-2", **MATCHED)]
    for text in texts:
        await here.start()
        await here.post(text)
        await here.until_sent()
        await here.stop()
    assert (await check(here, good=texts)).repeated == 0


async def test_an_entry_that_commits_after_later_ones_were_sent_is_sent_too(here):
    await here.start()
    async with transaction(here.pool) as slow:
        await log.append(slow, "late", [log.Entry("t", log.WORKER)])
        await here.post(mt548("OUT-3"))

        async def others_sent() -> bool:
            return await here.count("outbox_streams") >= 2

        await here.until(others_sent, "the other case's entries sent")
        await asyncio.sleep(1.5)  # the horizon has moved on as far as it may
    await here.until_sent()
    assert [e["id"] for e in (await here.events_by_case())["late"]] == ["1"]


async def test_of_two_bridges_one_sends_and_the_other_takes_over(here):
    await here.start()
    await here.start()
    texts = [mt548(f"OUT-4{n}") for n in range(40)]
    for text in texts[:20]:
        await here.post(text)
    await here.until_sent()
    await here.stop(0)
    for text in texts[20:]:
        await here.post(text)
    await here.until_sent()
    assert (await check(here, good=texts)).repeated == 0


async def test_a_leader_whose_session_is_cut_lets_go_and_nothing_is_left_out(here):
    await here.start()
    texts = [mt548(f"OUT-5{n}") for n in range(30)]
    for n, text in enumerate(texts):
        await here.post(text)
        if n % 10 == 5:
            await here.sql("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and "
                           "database = (select oid from pg_database where datname = current_database())")  # fmt: skip
    await here.until_sent()
    assert (await check(here, good=texts)).cases == 30


async def test_an_event_too_large_for_a_record_goes_without_its_facts(here):
    await here.start()
    entries = [log.Entry("t", log.WORKER, {"text": "x" * 1_000_000}), log.Entry("t", log.WORKER, {"text": "y"})]
    await retrying(here.pool, lambda c: log.append(c, "large", entries))
    await here.until_sent()
    first, second = (await here.events_by_case())["large"]
    assert (first["truncated"], first["data"]["data"], first["id"]) == (True, {}, "1")
    assert ("truncated" in second, second["data"]["data"]) == (False, {"text": "y"})


async def test_an_entry_is_on_the_topic_soon_after_its_commit(here):
    """Generous here, because this machine is shared; benchmarks/kafka measures it."""
    await here.start()
    await here.post(mt548("OUT-6"))
    await here.until_sent()
    before = REGISTRY.get_sample_value("wo_bridge_event_seconds_count")
    slow = REGISTRY.get_sample_value("wo_bridge_event_seconds_bucket", {"le": "0.5"})
    for n in range(10):
        await here.post(mt548(f"OUT-6{n}"))
        await asyncio.sleep(0.05)
    await here.until_sent()
    count = REGISTRY.get_sample_value("wo_bridge_event_seconds_count") - before
    quick = REGISTRY.get_sample_value("wo_bridge_event_seconds_bucket", {"le": "0.5"}) - slow
    assert count >= 20
    assert quick / count > 0.9


async def test_the_hash_in_an_event_proves_its_content(here):
    await here.start()
    await here.post(mt548("OUT-7"))
    await here.until_sent()
    [events] = [e for s, e in (await here.events_by_case()).items() if s != "system"]
    told = [json.loads(json.dumps(e["data"])) for e in events]
    assert [log.entry_hash(t) for t in told] == [t["hash"] for t in told]
    assert [t["prev"] for t in told[1:]] == [t["hash"] for t in told[:-1]]
