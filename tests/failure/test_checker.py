"""The judge of the fire itself: shown a true outside it is silent, shown a doctored one it says what is wrong."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.failure.harness import outside
from tests.failure.harness.checker import (
    CaseSeen,
    Whole,
    check_case,
    check_requests,
    check_server,
    check_stream,
    check_whole,
    ending,
    sha,
)
from tests.failure.harness.faults import Needs, Plan
from tests.failure.harness.play import Order, Run
from tests.failure.harness.site import site

_OTHER = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="session")
def true_cases() -> dict[str, CaseSeen]:
    """Every story, played on a real platform without faults, as seen from outside."""
    return asyncio.run(_calm())


async def _calm() -> dict[str, CaseSeen]:
    order = Order(Plan(1, Needs()), cases=0, limit_seconds=60)
    async with site(ROOT / ".state" / "calm", workers=2) as place:
        playing = Run(order, place, print, asyncio.Event())
        board = asyncio.create_task(playing.board.run())
        try:
            await playing.calm()
            assert [p.outcome for p in playing.plays if p.outcome != "done"] == []
            return {p.story: await outside.fetch(playing.api, p, place.outboxes) for p in playing.plays}
        finally:
            board.cancel()
            await asyncio.gather(board, return_exceptions=True)
            await playing.api.close()


@pytest.fixture
def seen(true_cases) -> Callable[[str], CaseSeen]:
    return lambda story: copy.deepcopy(true_cases[story])


def findings(case: CaseSeen, whole: Whole | None = None) -> str:
    return "\n".join(check_case(case, whole or Whole()))


def test_a_true_outside_has_no_finding(true_cases):
    whole = Whole(endings={name: ending(case) for name, case in true_cases.items()})
    assert [f for case in true_cases.values() for f in check_case(case, whole)] == []
    assert len(true_cases) > 10


def lost_message(case: CaseSeen) -> None:
    case.case["items"].pop()


def doubled_message(case: CaseSeen) -> None:
    case.case["items"].append(case.case["items"][0])


def foreign_message(case: CaseSeen) -> None:
    case.told_messages.pop()


def stuck(case: CaseSeen) -> None:
    case.case |= {"status": "open", "phase": "EXECUTING"}


def live_for_ever(case: CaseSeen) -> None:
    case.case["threads"][-1]["state"] = "live"


def lost_decision(case: CaseSeen) -> None:
    case.case["approvals"][0]["decisions"].pop()


def decided_by_a_maker(case: CaseSeen) -> None:
    case.case["approvals"][0]["makers"].append(case.case["approvals"][0]["decisions"][0]["actor"])


def decided_by_an_analyst(case: CaseSeen) -> None:
    case.case["approvals"][0]["decisions"][0]["actor"] = "ali"


def one_person_for_two(case: CaseSeen) -> None:
    case.case["approvals"][0]["decisions"].pop()
    case.told_decisions.pop()


def approved_and_rejected(case: CaseSeen) -> None:
    case.case["approvals"][0]["decisions"][0]["decision"] = "reject"


def unlogged_decision(case: CaseSeen) -> None:
    case.entries = [e for e in case.entries if e["type"] != "approval.decided"]


def another_text_shown(case: CaseSeen) -> None:
    next(iter(case.approvals.values()))["content"]["params"]["note"] = "pay elsewhere"


def another_text_sent(case: CaseSeen) -> None:
    key = next(iter(case.received))
    case.received[key] += " "


def another_text_stored_and_sent(case: CaseSeen) -> None:
    effect = next(e for e in case.case["effects"] if e["kind"] == "message")
    effect["payload"] += " "
    case.received[f"{effect['source']}:{effect['step']}"] += " "


def effect_never_arrived(case: CaseSeen) -> None:
    case.received.clear()


def effect_twice(case: CaseSeen) -> None:
    key = next(iter(case.received))
    case.received[f"{_OTHER}:chase"] = case.received[key]


def effect_without_approval(case: CaseSeen) -> None:
    case.approvals.clear()


def gap(case: CaseSeen) -> None:
    del case.entries[3]


def repeated_entry(case: CaseSeen) -> None:
    case.entries.insert(3, case.entries[3])


def changed_entry(case: CaseSeen) -> None:
    case.entries[2]["data"]["changed"] = "by somebody"


def rewritten_entry(case: CaseSeen) -> None:
    entry = case.entries[2]
    entry["data"]["changed"] = "by somebody who knows how"
    entry["hash"] = sha(
        {
            k: v
            for k, v in entry.items()
            if k in ("stream", "seq", "at", "actor", "type", "data", "run_id", "task_id", "epoch", "n", "prev")
        }
    )


@pytest.mark.parametrize(("doctor", "story", "said"), [
    (lost_message, "chase", "is there 0 times"),
    (doubled_message, "chase", "is there 2 times"),
    (foreign_message, "chase", "was never accepted"),
    (stuck, "chase", "it is stuck: open, EXECUTING"),
    (live_for_ever, "waiting", "it is stuck: open"),
    (lost_decision, "chase", "was confirmed and is there 0 times"),
    (decided_by_a_maker, "chase", "ann decided on a T1 approval"),
    (decided_by_an_analyst, "chase", "ali decided on a T1 approval"),
    (one_person_for_two, "replace", "T2 was approved by"),
    (approved_and_rejected, "replace", "is approved, and was decided ['reject'] too"),
    (unlogged_decision, "chase", "the log has the decisions"),
    (another_text_shown, "chase", "shows what does not give its hash"),
    (another_text_sent, "chase", "left with another text than its row has"),
    (another_text_stored_and_sent, "chase", "is not what approval"),
    (effect_never_arrived, "chase", "is called delivered, and its receiver has nothing"),
    (effect_twice, "chase", "one message 2 times, under different keys"),
    (effect_without_approval, "replace", "has no approved approval"),
    (gap, "chase", "the log has 5 where 4 should be"),
    (repeated_entry, "chase", "the log has 4 where 5 should be"),
    (changed_entry, "chase", "does not give its hash"),
    (rewritten_entry, "chase", "entry 4 does not follow the one before"),
])  # fmt: skip
def test_a_doctored_case_is_seen_through(doctor, story, said, seen):
    case = seen(story)
    doctor(case)
    assert said in findings(case)


def test_another_end_than_without_faults_is_told(seen):
    case = seen("chase")
    whole = Whole(endings={"chase": ending(case)})
    case.case["root_cause"] = "OTHER"
    assert "came to another end: case is" in findings(case, whole)
    assert findings(replace(case, exact=False), whole) == ""


def test_one_message_in_two_cases_is_told(seen):
    whole, case, other = Whole(), seen("chase"), seen("early")
    other.case["items"] += case.case["items"]
    other.told_messages += case.told_messages
    assert findings(case, whole) == ""
    assert f"belongs to {case.case['id']} too" in findings(other, whole)


def whole_of(case: CaseSeen) -> tuple[Whole, dict[str, Any]]:
    """One case as the whole outside, and the answers that go with it."""
    whole = Whole()
    assert findings(case, whole) == ""
    return whole, {"listed": [case.case["id"]], "received": list(case.received),
                   "exported": {case.case["id"]: len(case.entries)},
                   "report": {"valid": True, "anchors": 3, "findings": []}}  # fmt: skip


@pytest.mark.parametrize(("changed", "said"), [
    ({}, ""),
    ({"listed": []}, "is not listed"),
    ({"listed": [_OTHER]}, f"case {_OTHER} was opened for nothing"),
    ({"received": [f"{_OTHER}:chase"]}, f"the receiver has {_OTHER}:chase, which no case knows"),
    ({"exported": {}}, "the period's export has 0 entries of case"),
    ({"report": {"valid": False, "anchors": 3, "findings": ["rewritten"]}}, "log verify: rewritten"),
    ({"report": {"valid": True, "anchors": 0, "findings": []}}, "0 anchored heads compared"),
])  # fmt: skip
def test_a_doctored_whole_is_seen_through(changed, said, seen):
    whole, answers = whole_of(seen("chase"))
    found = "\n".join(check_whole(whole, **{**answers, **changed}))
    assert said in found
    assert bool(found) == bool(said)


def test_two_texts_under_one_key_are_told():
    asked = [{"key": "a:send", "body": "x"}, {"key": "a:send", "body": "x"}]
    assert list(check_requests(asked)) == []
    assert list(check_requests([*asked, {"key": "a:send", "body": "y"}])) != []


def test_a_session_that_its_client_lost_track_of_is_told():
    astray = "2026-11-25 WARNING:  there is no transaction in progress"
    assert list(check_server(["LOG:  checkpoint starting: time", astray, "ERROR:  x", astray])) == [
        "PostgreSQL warned 2 times: there is no transaction in progress"
    ]
    assert list(check_server(["LOG:  checkpoint starting: time", "ERROR:  deadlock detected"])) == []


@pytest.mark.parametrize("numbers", [[1, 2, 4], [1, 2, 2, 3], [2, 1, 3], [2, 3]])
def test_a_reader_who_missed_or_repeated_an_entry_is_told(numbers):
    assert list(check_stream("c", [1, 2, 3], 3)) == []
    assert list(check_stream("c", numbers, max(numbers))) != []
