"""Several bridges: they come, go and crash while records flow, and nothing is doubled or left out."""

from __future__ import annotations

import asyncio

from tests.fin import MATCHED, mt548
from tests.kafka.check import check
from tests.kafka.processes import Bridges


async def test_bridges_that_come_go_and_crash_double_nothing(here, tmp_path):
    reached = tmp_path / "reached"
    bridges = Bridges({**here.settings, "kafka_session_seconds": 1.0, "log_level": "error"})
    texts = [mt548(f"RB-{n:03d}", **status) for n in range(100) for status in ({}, MATCHED)]

    async def produce() -> None:
        for n in range(0, len(texts), 10):
            for text in texts[n : n + 10]:
                await here.put(text, key=text.split("RELA//")[1].split("\r")[0])
            await asyncio.sleep(0.2)

    producing = asyncio.create_task(produce())
    try:
        running = [bridges.start(reached=reached), bridges.start(reached=reached)]
        for turn in range(6):
            await asyncio.sleep(1)
            oldest = running.pop(0)
            if turn % 2:
                bridges.crash(oldest)
            else:
                oldest.terminate()
            running.append(bridges.start(reached=reached))
        await producing
        await here.until_taken(len(texts), seconds=60)
        await here.until_sent(seconds=60)
    finally:
        producing.cancel()
        await bridges.stop()
    checked = await check(here, good=texts)
    assert (checked.messages, checked.cases) == (200, 100)
    assert checked.entries >= 200
    assert "revoked" in reached.read_text().splitlines(), "no partition changed hands"
    # -15: told to stop before it had begun to listen
    exits = [p.exitcode for p in bridges.processes]
    assert set(exits) <= {0, -9, -15}
    assert exits.count(-9) == 3


async def test_two_bridges_share_the_partitions_and_a_third_takes_over_what_one_leaves(here):
    first, second = await here.start(), await here.start()

    async def shared() -> bool:
        await here.put(*[mt548(f"RB-S{n}-{await here.count('inbox_records')}") for n in range(8)])
        return all(b._inbound._lanes for b in (first, second))

    await here.until(shared, "both bridges have lanes")
    mine, yours = set(first._inbound._lanes), set(second._inbound._lanes)
    assert not mine & yours
    await here.stop(0)

    async def taken_over() -> bool:
        await here.put(*[mt548(f"RB-T{n}-{await here.count('inbox_records')}") for n in range(8)])
        return len(second._inbound._lanes) == 4

    await here.until(taken_over, "the second has all four partitions")
    assert await here.count("messages") > 16
