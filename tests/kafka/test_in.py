"""Records in: one message, one case, once; what cannot be read is put aside and nothing behind it waits."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY

from tests.fin import CANCELLED, MATCHED, mt548


def _outcomes(outcome: str) -> float:
    return REGISTRY.get_sample_value("wo_bridge_records_total", {"outcome": outcome}) or 0.0


async def test_a_record_opens_a_case_as_the_topic_s_service(here):
    await here.start()
    await here.put(mt548("IN-1"))
    await here.until_taken(1)
    [message] = await here.sql("select principal from messages")
    assert message["principal"] == f"kafka:{here.topic}"
    [case] = await here.sql("select requester, reference from cases")
    assert case == {"requester": f"kafka:{here.topic}", "reference": "IN-1"}


async def test_what_came_by_post_already_is_known(here):
    text = mt548("IN-2")
    await here.post(text)
    await here.start()
    await here.put(text, text)
    await here.until_taken(2)
    assert await here.count("messages") == 1
    assert [r["outcome"] for r in await here.sql("select outcome from inbox_records")] == ["known", "known"]


async def test_redelivered_records_change_nothing_and_are_not_dead_lettered_again(here):
    await here.start()
    await here.put(mt548("IN-3"), mt548("IN-4"), "poison")
    await here.until_taken(3)
    await here.stop()
    before = await here.sql("select * from inbox_records order by topic, partition, position")
    await here.rewind()
    seen = _outcomes("redelivered")
    await here.start()

    async def redelivered() -> bool:
        return _outcomes("redelivered") - seen >= 3

    await here.until(redelivered, "three records redelivered")
    await here.stop()
    assert await here.sql("select * from inbox_records order by topic, partition, position") == before
    assert len(await here.read(here.dead)) == 1
    assert await here.count("cases") == 2


async def test_a_topic_made_anew_is_taken_from_its_first_record(here):
    await here.start()
    await here.put(mt548("IN-5"), mt548("IN-6"), partition=0)
    await here.until_taken(2)
    await here.stop()
    here.broker.delete_topics(here.topic)
    here.broker.create_topics(here.topic)
    await here.start()
    await here.put(mt548("IN-7"), "poison of the new topic", partition=0)

    async def taken() -> bool:
        return await here.count("cases") == 3 and len(await here.read(here.dead)) == 1

    await here.until(taken, "the new topic's records")


@pytest.mark.parametrize("keys", [lambda _n: "IN-8", lambda _n: None, str], ids=["one-key", "no-key", "many-keys"])
async def test_records_of_an_instruction_are_taken_in_the_order_of_their_partition(here, keys):
    statuses = [{}, MATCHED, CANCELLED] * 8
    texts = [mt548("IN-8", **status) for status in statuses]
    for n, text in enumerate(texts):
        await here.put(text, key=keys(n), partition=0)
    await here.start()
    await here.until_taken(len(texts))
    rows = await here.sql(
        "select m.sender_ref from message_items i join messages m on m.id = i.message_id order by i.seq"
    )
    assert [r["sender_ref"] for r in rows] == [t.split("SEME//")[1].split("\r")[0] for t in texts]


@pytest.mark.parametrize(("value", "reason", "said"), [
    (b"no message at all", b"MessageUnreadable", b"line 1"),
    (b"\xff\xfe\x00binary", b"MessageUnreadable", b"not UTF-8"),
    (b"", b"MessageUnreadable", b""),
    (None, b"MessageUnreadable", b"no value"),
    (mt548("IN-9").replace("{2:O548", "{2:O999").encode(), b"UnsupportedMessage", b"MT999"),
    (mt548("IN-9").replace(":16S:GENL", "").encode(), b"MessageUnreadable", b"line"),
    (mt548("IN-9", narrative="X" * 40).encode() + b" " * 9000, b"TooLarge", b"at most"),
], ids=["text", "binary", "empty", "tombstone", "unsupported", "damaged", "too-large"])  # fmt: skip
async def test_a_record_that_is_no_message_is_dead_lettered_with_its_reason(here, value, reason, said):
    await here.start(message_max_bytes=8192)
    await here.put(value, key="k", partition=1, headers=[("trace", b"t1"), ("wo-topic", b"forged")])
    await here.put(mt548("IN-10"), partition=1)
    await here.until_taken(2)
    [letter] = await here.read(here.dead)
    headers = dict(letter.headers())
    assert (letter.value(), letter.key(), headers["trace"]) == (value, b"k", b"t1")
    assert (headers["wo-reason"], headers["wo-topic"]) == (reason, here.topic.encode())
    assert (headers["wo-partition"], headers["wo-offset"]) == (b"1", b"0")
    assert said in headers["wo-detail"]
    assert headers["wo-fix"]
    assert await here.count("cases") == 1


async def test_what_the_database_is_to_blame_for_is_waited_for_and_never_dead_lettered(here):
    """A missing right looks like an error of the record: it is none."""
    await here.as_owner_do("revoke insert on cases from wo_worker")
    await here.start()
    await here.put(mt548("IN-11"))

    async def waits() -> bool:
        return REGISTRY.get_sample_value("wo_bridge_waiting_records") == 1

    await here.until(waits, "the record waits")
    assert (await here.read(here.dead), await here.committed()) == ([], 0)
    await here.as_owner_do("grant insert on cases to wo_worker")
    await here.until_taken(1)
    assert await here.count("cases") == 1


async def test_a_record_that_cannot_be_stored_does_not_stop_those_behind_it(here):
    """Text that our parser takes and PostgreSQL does not."""
    await here.as_owner_do("alter table messages add constraint odd check (sender_ref <> 'ODD')")
    await here.start()
    await here.put(mt548("IN-12", sender_ref="ODD"), mt548("IN-13"), partition=0)
    await here.until_taken(2)
    [letter] = await here.read(here.dead)
    assert b"CheckViolation" in dict(letter.headers())["wo-detail"]
    assert [r["reference"] for r in await here.sql("select reference from cases")] == ["IN-13"]


async def test_offsets_follow_what_the_database_has(here):
    await here.start()
    await here.put(*[mt548(f"IN-2{n:03d}") for n in range(20)])
    await here.until_taken(20)

    async def told() -> bool:
        return await here.committed() == 20

    await here.until(told, "20 offsets committed")


async def test_a_letter_too_large_for_its_topic_says_where_the_original_is(here):
    here.broker.delete_topics(here.dead)
    here.broker.create_topics(here.dead, **{"max.message.bytes": "3000"})
    await here.start()
    await here.put(b"x" * 5000, partition=2)
    await here.until_taken(1)
    [letter] = await here.read(here.dead)
    headers = dict(letter.headers())
    assert letter.value() is None
    assert (headers["wo-omitted"], headers["wo-partition"], headers["wo-offset"]) == (b"5000", b"2", b"0")
