"""Judges a run by what anybody outside can see: the API, the receivers' folders, the log's export. Nothing of the
product is imported: hashes, quorums and chains are computed here again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.failure.harness.people import CAST

Seen = dict[str, Any]
#: Roles of which an approver holds one, how many approvers, and roles of which at least one approver holds one.
_TIERS: dict[str, tuple[set[str], int, set[str]]] = {
    "T1": ({"ops_approver", "ops_supervisor"}, 1, set()),
    "T2": ({"ops_approver", "ops_supervisor"}, 2, set()),
    "T3": ({"ops_approver", "ops_supervisor", "ssi_controller"}, 2, {"ops_supervisor", "ssi_controller"}),
    "STOP": ({"compliance"}, 1, set()),
}
#: Of an entry, what its hash covers.
_HASHED = ("stream", "seq", "at", "actor", "type", "data", "run_id", "task_id", "epoch", "n", "prev")
#: Entries that say what a fault did, not what the case came to.
_OF_FAULTS = frozenset({"run.version_changed", "case.cancel_requested"})
#: PostgreSQL's warnings 25P01 and 25001.
_ASTRAY = ("there is no transaction in progress", "there is already a transaction in progress")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass
class CaseSeen:
    """One case from outside, with what the driver was told of it."""

    n: int
    story: str
    #: Its ending must be the same in every run.
    exact: bool
    #: Message ids answered 202, and (approval, person, decision) answered 200.
    told_messages: list[str]
    told_decisions: list[tuple[str, str, str]]
    #: GET /v1/cases/{id}
    case: Seen
    #: GET /v1/approvals/{id}, of those approved.
    approvals: dict[str, Seen]
    #: The log's export, a dict a line.
    entries: list[Seen]
    #: What the receivers have under the keys of this case's effects: key -> text.
    received: dict[str, str]
    #: Names of the case that differ between cases of one story.
    names: tuple[str, ...] = ()


@dataclass
class Whole:
    """What is known over all cases, collected while each is judged."""

    #: message id -> case, over all cases.
    messages: dict[str, str] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    cases: set[str] = field(default_factory=set)
    #: story -> the fault-free ending.
    endings: dict[str, Any] = field(default_factory=dict)
    last_seq: dict[str, int] = field(default_factory=dict)


def sha(value: Any) -> str:
    text = (
        value
        if isinstance(value, str)
        else json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    )
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def check_case(seen: CaseSeen, whole: Whole) -> Iterator[str]:
    """Every broken rule of one case, as a sentence."""
    rules = (_messages, _rests, _decisions, _hashes, _effects, _log)
    yield from (f"case {seen.n} ({seen.story}): {finding}" for rule in rules for finding in rule(seen))
    case_id = seen.case["id"]
    for item in seen.case["items"]:
        other = whole.messages.setdefault(item["message_id"], case_id)
        if other != case_id:
            yield f"case {seen.n}: message {item['message_id']} belongs to {other} too"
    whole.cases.add(case_id)
    whole.keys |= set(seen.received)
    whole.last_seq[case_id] = len(seen.entries)
    if seen.exact and seen.story in whole.endings and (got := ending(seen)) != whole.endings[seen.story]:
        yield f"case {seen.n} ({seen.story}) came to another end: {_difference(whole.endings[seen.story], got)}"


def check_server(log: Iterable[str]) -> Iterator[str]:
    """PostgreSQL's own log: a client that ends a transaction it never began reads the answers to other questions."""
    found = Counter(text for line in log for text in _ASTRAY if text in line)
    yield from (f"PostgreSQL warned {count} times: {text}" for text, count in found.items())


def _messages(seen: CaseSeen) -> Iterator[str]:
    """What was answered 202 is there, once, and nothing else is."""
    found = Counter(item["message_id"] for item in seen.case["items"])
    for message in seen.told_messages:
        if found[message] != 1:
            yield f"accepted message {message} is there {found[message]} times"
    for message in found.keys() - set(seen.told_messages):
        yield f"message {message} was never accepted"


def _rests(seen: CaseSeen) -> Iterator[str]:
    """It has ended, or it waits for somebody."""
    case = seen.case
    pending = [a for a in case["approvals"] if a["state"] == "pending"]
    open_tasks = [t for t in case["tasks"] if t["state"] == "open"]
    live = [t for t in case["threads"] if t["state"] == "live"]
    effects = [e for e in case["effects"] if e["kind"] == "message" and e["state"] == "pending"]
    if case["status"] != "open":
        if pending or effects or live:
            yield f"it ended {case['status']}, and still has {len(pending)} approvals, {len(effects)} effects pending"
        return
    waits = pending or open_tasks or case["phase"] == "AWAITING_EXTERNAL"
    if live or effects or not waits:
        yield f"it is stuck: open, {case['phase']}, {len(live)} live threads, {len(effects)} effects pending"


def _decisions(seen: CaseSeen) -> Iterator[str]:
    """Only entitled people, each once, none of them the requester or a maker; approved by as many as the tier says."""
    stored = Counter((a["id"], d["actor"], d["decision"]) for a in seen.case["approvals"] for d in a["decisions"])
    for told in {tuple(d) for d in seen.told_decisions}:
        if stored[told] != 1:  # type: ignore[index]
            yield f"the decision {told} was confirmed and is there {stored[told]} times"  # type: ignore[index]
    for approval in seen.case["approvals"]:
        yield from _decided(approval)
    logged = Counter(
        (e["data"]["approval_id"], e["actor"]["id"], e["data"]["decision"])
        for e in seen.entries
        if e["type"] == "approval.decided"
    )
    if logged != stored:
        yield f"the log has the decisions {sorted(logged - stored)} too many, {sorted(stored - logged)} too few"


def _decided(approval: Seen) -> Iterator[str]:
    roles, needed, one_of = _TIERS[approval["tier"]]
    deciders = [d["actor"] for d in approval["decisions"]]
    barred = {approval["requester"], *approval["makers"]}
    for who in deciders:
        if who in barred or not roles & set(CAST.get(who, ())) or deciders.count(who) > 1:
            yield f"{who} decided on a {approval['tier']} approval ({', '.join(sorted(barred))} may not)"
    if approval["state"] == "approved":
        approvers = [d["actor"] for d in approval["decisions"] if d["decision"] == "approve"]
        senior = not one_of or any(one_of & set(CAST[who]) for who in approvers)
        if len(set(approvers)) < needed or not senior:
            yield f"{approval['tier']} was approved by {approvers} alone"
    ends = [d for d in approval["decisions"] if d["decision"] != "approve"]
    if len(ends) > 1 or (ends and approval["state"] == "approved"):
        yield f"approval {approval['id']} is {approval['state']}, and was decided {[d['decision'] for d in ends]} too"


def _hashes(seen: CaseSeen) -> Iterator[str]:
    """What was approved is what its hash says, and what left is a step of it."""
    for approval_id, approval in seen.approvals.items():
        content = approval["content"]
        gates = content["gates"]["proposal"]
        computed = sha({
            "action": content["action"], "params": content["params"], "diff": content["diff"],
            "evidence": [{k: e[k] for k in ("source", "excerpt", "sha256")} for e in content["evidence"]],
            "steps": content["steps"],
            "gates": [[o["validator"], o["version"], o["outcome"]] for o in content["outcomes"]
                      if o["validator"] in gates]})  # fmt: skip
        if computed != approval["payload_hash"]:
            yield f"approval {approval_id} shows what does not give its hash"
    for entry in seen.entries:
        if entry["type"] == "approval.decided":
            shown = next((a for a in seen.case["approvals"] if a["id"] == entry["data"]["approval_id"]), None)
            if shown is None or shown["payload_hash"] != entry["data"]["payload_hash"]:
                yield f"entry {entry['seq']} decides on another hash than its approval has"


def _effects(seen: CaseSeen) -> Iterator[str]:
    """Each effect: once at the receiver, exactly as approved; never one that was not delivered or not approved."""
    for effect in seen.case["effects"]:
        if effect["kind"] != "message":
            continue
        key = f"{effect['source']}:{effect['step']}"
        there = seen.received.get(key)
        if effect["state"] == "delivered" and there is None:
            yield f"effect {key} is called delivered, and its receiver has nothing"
        if effect["state"] in ("refused", "pending") and there is not None and not effect["tries"]:
            yield f"effect {key} is {effect['state']} and was never tried, and its receiver has it"
        if there is not None and there != effect["payload"]:
            yield f"effect {key} left with another text than its row has"
        yield from _approved(seen, effect, key)
    sent = Counter(_undated(text) for text in seen.received.values())
    for text, times in sent.items():
        if times > 1:
            yield f"the receiver has one message {times} times, under different keys: {text[:60]!r}"


def _approved(seen: CaseSeen, effect: Seen, key: str) -> Iterator[str]:
    approval = seen.approvals.get(effect["source"])
    if approval is None:
        yield f"effect {key} has no approved approval"
        return
    steps = [s for s in approval["content"]["steps"] if s["name"] == effect["step"]]
    if len(steps) != 1 or steps[0]["payload"] != effect["payload"]:
        yield f"effect {key} is not what approval {effect['source']} shows for its step"


def _log(seen: CaseSeen) -> Iterator[str]:
    """Numbers without gap or repeat, and a chain that holds."""
    prev = ""
    for n, entry in enumerate(seen.entries, 1):
        if entry["seq"] != n:
            yield f"the log has {entry['seq']} where {n} should be"
            return
        if entry["prev"] != prev:
            yield f"entry {n} does not follow the one before"
        if sha({name: entry[name] for name in _HASHED}) != entry["hash"]:
            yield f"entry {n} ({entry['type']}) does not give its hash"
        prev = entry["hash"]


# -- the end that a story comes to ------------------------------------------------------------------------------


def ending(seen: CaseSeen) -> dict[str, Any]:
    """Everything by which two cases of one story could differ, without their names, ids and times."""
    case = seen.case
    plain = {
        "case": {
            k: case[k] for k in ("status", "phase", "root_cause", "fault_side", "title", "owner_role", "requester")
        },
        "threads": [(t["n"], t["state"], t["outcome"]) for t in case["threads"]],
        "items": len(case["items"]),
        "approvals": [
            {
                **{k: a[k] for k in ("action", "tier", "state", "superseded_by_what", "makers")},
                "decisions": len(a["decisions"]),
            }
            for a in case["approvals"]
        ],
        "effects": sorted(
            [e["step"], e["type"], e["state"], e["recipient"], _undated(e["payload"])]
            for e in case["effects"]
            if e["kind"] == "message"
        ),
        "received": sorted(_undated(text) for text in seen.received.values()),
        "tasks": sorted([t["kind"], t["role"], t["state"]] for t in case["tasks"]),
        "log": sorted(Counter(e["type"] for e in _standing(seen.entries) if e["type"] not in _OF_FAULTS).items()),
    }
    text = json.dumps(plain)
    for name in sorted(seen.names, key=len, reverse=True):
        text = text.replace(name, "NAME")
    normal: dict[str, Any] = json.loads(_UUID.sub("ID", text))
    return normal


def _standing(entries: Iterable[Seen]) -> list[Seen]:
    """Entries that count: of a task that ran again after a crash, those of its last epoch."""
    newest: dict[tuple[str, str], int] = {}
    for e in entries:
        if e["task_id"]:
            at = (e["run_id"], e["task_id"])
            newest[at] = max(newest.get(at, 0), e["epoch"])
    return [e for e in entries if not e["task_id"] or newest[(e["run_id"], e["task_id"])] == e["epoch"]]


def _undated(text: str) -> str:
    """A message without its preparation time."""
    return re.sub(r":98C::PREP//\d+", ":98C::PREP//", text)


def _difference(expected: dict[str, Any], got: dict[str, Any]) -> str:
    return "; ".join(
        f"{name} is {json.dumps(got[name])[:400]}, without faults it is {json.dumps(value)[:400]}"
        for name, value in expected.items()
        if got[name] != value
    )


# -- over all ---------------------------------------------------------------------------------------------------


def check_whole(
    whole: Whole, *, listed: Iterable[str], received: Iterable[str], exported: dict[str, int], report: Seen
) -> Iterator[str]:
    """What no single case shows: cases and effects that nobody asked for, and the log as a whole.

    `listed`: ids of all cases; `received`: all keys of the receivers; `exported`: entries a stream in the period's
    export; `report`: the platform's own verification.
    """
    for case_id in set(listed) - whole.cases:
        yield f"case {case_id} was opened for nothing that was handed in"
    for case_id in whole.cases - set(listed):
        yield f"case {case_id} is not listed"
    for key in set(received) - whole.keys:
        yield f"the receiver has {key}, which no case knows"
    for stream, count in whole.last_seq.items():
        if exported.get(stream) != count:
            yield f"the period's export has {exported.get(stream, 0)} entries of case {stream}; its log has {count}"
    for finding in report["findings"]:
        yield f"log verify: {finding}"
    if not report["valid"] or not report["anchors"]:
        yield f"log verify: valid is {report['valid']}, {report['anchors']} anchored heads compared"


def check_requests(lines: Iterable[Seen]) -> Iterator[str]:
    """One key, one text: however often a receiver was asked."""
    bodies: dict[str, str] = {}
    for line in lines:
        digest = sha(line["body"])
        if bodies.setdefault(line["key"], digest) != digest:
            yield f"the receiver was sent two texts under {line['key']}"


def check_stream(case: str, seen: list[int], last: int) -> Iterator[str]:
    """A reader saw every entry once and in order, whichever api it was at."""
    if seen != list(range(1, last + 1)):
        yield f"a reader of case {case} saw {seen}, not 1 to {last}"
