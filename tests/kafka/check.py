"""What must be true at the end of every story, whoever was killed in it; and how much there was to check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.kafka.site import Site
from workflow_orchestration.domain.canonical import sha256


@dataclass(frozen=True)
class Checked:
    """Counts: a check of nothing proves nothing."""

    messages: int
    cases: int
    dead_letters: int
    entries: int
    #: Copies beyond the first, which at-least-once allows.
    repeated: int


async def check(here: Site, *, good: Sequence[str], bad: Sequence[str] = ()) -> Checked:
    """Every good text is one message with one case, every bad one is dead-lettered, every log entry is on the topic."""
    cases = await _one_case_each(here, good)
    letters = await _dead_lettered(here, bad)
    entries, repeated = await _every_entry_in_order(here)
    return Checked(len(set(good)), cases, letters, entries, repeated)


async def _one_case_each(here: Site, good: Sequence[str]) -> int:
    rows = await here.sql("select m.sha256, count(i.case_id) as cases, count(*) as items from messages m join "
                          "message_items i on i.message_id = m.id group by m.sha256")  # fmt: skip
    found = {r["sha256"]: (r["items"], r["cases"]) for r in rows}
    expected = {sha256(text.encode()): (1, 1) for text in good}
    assert found == expected, f"{len(expected)} messages put in, {len(found)} stored, or an item without its case"
    doubled = await here.sql("select reference, account from cases group by 1, 2 having count(*) > 1")
    assert not doubled, doubled
    return await here.count("cases")


async def _dead_lettered(here: Site, bad: Sequence[str]) -> int:
    letters = await here.read(here.dead)
    assert {(m.value() or b"").decode() for m in letters} == set(bad)
    for letter in letters:
        headers = dict(letter.headers() or [])
        assert headers["wo-reason"]
        assert headers["wo-topic"] == here.topic.encode()
    return len(set(bad))


async def _every_entry_in_order(here: Site) -> tuple[int, int]:
    written: dict[str, list[str]] = {}
    for row in await here.sql("select stream, seq from log_entries order by stream, seq"):
        written.setdefault(row["stream"], []).append(str(row["seq"]))
    read = await here.events_by_case()
    first = {stream: list(dict.fromkeys(e["id"] for e in events)) for stream, events in read.items()}
    assert first == written
    entries = sum(len(ids) for ids in written.values())
    return entries, sum(len(events) for events in read.values()) - entries
