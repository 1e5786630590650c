"""`wo messages replay-dlq`: what was put aside is sent again, once, after its cause is gone."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys

from tests.fin import mt548


async def _wo(here, *words: str) -> subprocess.CompletedProcess[str]:
    """The command as an operator runs it, with this site's settings in its environment."""
    given = {k.upper(): v if isinstance(v, str) else json.dumps(v) for k, v in here.settings.items()}
    command = [sys.executable, "-c", "from workflow_orchestration.cli.main import main; main()", *words]
    return await asyncio.to_thread(subprocess.run, command, env={**os.environ, **given}, capture_output=True, text=True)


async def _replay(here, *options: str) -> list[dict[str, object]]:
    done = await _wo(here, "messages", "replay-dlq", "--json", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["items"]


async def test_a_dead_letter_whose_cause_is_gone_becomes_a_case(here):
    await here.start(message_max_bytes=1024)
    await here.put(mt548("DL-1") + "\r\n" * 400, "poison")
    await here.until_taken(2)
    await here.stop()
    assert [r["skipped"] for r in await _replay(here, "--dry-run")] == [None, None]
    await here.start()
    found = await _replay(here)
    assert {r["reason"] for r in found} == {"TooLarge", "MessageUnreadable"}
    await here.until_taken(4)
    assert await here.count("cases") == 1
    letters = await here.read(here.dead)
    assert len(letters) == 3
    assert [dict(m.headers()).get("wo-replays") for m in letters].count(b"1") == 1


async def test_a_letter_is_replayed_once_unless_asked_again(here):
    await here.start()
    await here.put("poison")
    await here.until_taken(1)
    await here.stop()
    assert len(await _replay(here)) == 1
    assert await _replay(here) == []
    assert len(await _replay(here, "--again")) == 1


async def test_a_limit_leaves_the_rest_for_the_next_time(here):
    await here.start()
    await here.put(*[f"poison {n}" for n in range(5)])
    await here.until_taken(5)
    await here.stop()
    assert [len(await _replay(here, "--limit", "2")) for _ in range(3)] == [2, 2, 1]


async def test_records_that_cannot_be_sent_again_are_named(here):
    await here.put("somebody else's", topic=here.dead)
    await here.start()
    await here.put(None)
    await here.until_taken(1)
    skipped = [str(r["skipped"]) for r in await _replay(here)]
    assert sorted(s.split(":")[0] for s in skipped) == [
        "it has no value; send the original again from its source",
        "it has no wo-topic header",
    ]


async def test_without_kafka_replay_says_what_is_missing(here):
    here.settings["kafka_bootstrap_servers"] = ""
    done = await _wo(here, "messages", "replay-dlq")
    assert done.returncode == 2
    assert "KAFKA_BOOTSTRAP_SERVERS: is not set" in done.stderr
