"""A bridge killed with SIGKILL at every point: each message one case, each log entry on the topic, in order."""

from __future__ import annotations

import itertools

from tests.fin import mt548
from tests.kafka.check import check
from tests.kafka.processes import POINTS, Bridges, Kill

_NUMBERS = itertools.count(1)


def _new() -> str:
    return mt548(f"K-{next(_NUMBERS):05d}", account="SAFE-0002")


async def _feed(here, good: list[str], bad: list[str]) -> int:
    """New messages, known ones (put before, and posted), poison; and something for the log that is not Kafka's."""
    posted, fresh, poison = _new(), [_new() for _ in range(4)], [f"poison {next(_NUMBERS)}" for _ in range(2)]
    await here.post(posted)
    records = [*fresh, *poison, posted, *good[-1:]]
    await here.put(*records)
    good += [posted, *fresh]
    bad += poison
    return len(records)


async def test_a_bridge_killed_at_any_point_loses_nothing_and_doubles_nothing(here, tmp_path):
    bridges = Bridges({**here.settings, "kafka_session_seconds": 1.0, "log_level": "error"})
    good: list[str] = []
    bad: list[str] = []
    kills = [Kill(point, when, n) for n in (1, 2) for point in POINTS for when in ("before", "after")]
    records = rounds = 0

    async def feed() -> None:
        nonlocal records, rounds
        records += await _feed(here, good, bad)
        rounds += 1

    try:
        for kill in kills:
            await feed()
            # a quick bridge takes a round in one batch and comes by each point once: fed until it has come again
            await bridges.until_dead(bridges.start(kill), meanwhile=feed)
        await feed()
        bridges.start()
        await here.until_taken(records, seconds=60)
        await here.until_sent()
    finally:
        await bridges.stop()
    checked = await check(here, good=good, bad=bad)
    assert rounds > len(kills)
    assert checked.messages == 5 * rounds
    assert checked.dead_letters == 2 * rounds
    assert checked.cases == checked.messages
    assert checked.entries >= 2 * checked.messages
    assert checked.repeated > 0, "no kill fell between a batch and its record: the points prove nothing"
