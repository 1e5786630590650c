"""The stories that are played, a function each: what desks and people do with one exception, from message to end.

Every case has rows of the book of its own, copied from the shipped sample with other references, so ten thousand of
them differ in nothing but their names: what one comes to without faults, all of its story must come to.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ci.local.story import SAMPLE, sample
from tests.failure.harness.driver import Api, Player, Stuck


@dataclass(frozen=True)
class Names:
    """What the outside calls one case."""

    n: int

    @property
    def reference(self) -> str:
        return f"F{self.n:06d}"

    def of(self, sample_number: str) -> dict[str, str]:
        """The sample's names -> this case's."""
        return {
            f"WO-{sample_number}": self.reference,
            f"TRD-{sample_number}": f"TRD-{self.reference}",
            f"CSD26112000{sample_number}": f"CSD{self.n:09d}",
        }

    def message(self, name: str, number: str, k: int, **more: str) -> str:
        """A shipped sample message as it would be for this case; `k` numbers the case's messages."""
        text = sample(f"mt548-{name}-WO-{number}")
        for old, new in {**self.of(number), **more}.items():
            text = text.replace(old, new)
        return re.sub(r":20C::SEME//\S+", f":20C::SEME//S{self.n:08d}{k}", text)


async def load_book(api: Api, first: int, count: int, *, sample_too: bool) -> None:
    """Instruction and trade of the cases from `first` on; `sample_too`: and the sample's own rows."""
    found = json.loads((SAMPLE / "book.json").read_text(encoding="utf-8"))
    for kind, rows in found.items() if sample_too else ():
        await api.ask("PUT", f"/v1/book/{kind}", "ops", json={"rows": rows})
    for kind, names in (("trade", "trade_ref"), ("instruction", "our_ref")):
        renamed = [_renamed(found[kind], names, n) for n in range(first, first + count)]
        await api.ask("PUT", f"/v1/book/{kind}", "ops", json={"rows": renamed})


def _renamed(rows: list[dict[str, Any]], key: str, n: int) -> dict[str, Any]:
    number = number_of(n)
    row = next(r for r in rows if r[key].endswith(number))
    text = json.dumps(row)
    for old, new in Names(n).of(number).items():
        text = text.replace(old, new)
    renamed: dict[str, Any] = json.loads(text)
    return renamed


# -- the stories ----------------------------------------------------------------------------------------------


async def chase(p: Player, names: Names, rng: random.Random) -> None:
    """The other side is wrong: one person approves a chaser, it leaves, the other side matches."""
    await p.post(names.message("nmat-dmon", "1001", 1))
    approval = await p.approval()
    await p.decide("desk", approval, refused=(403,))
    await p.decide("ann", approval)
    await _matched(p, names, 2)


async def _matched(p: Player, names: Names, k: int) -> None:
    await p.phase("AWAITING_EXTERNAL")
    await p.post(names.message("mach", "1001", k))
    await p.ended("resolved")


async def replace(p: Player, names: Names, rng: random.Random) -> None:
    """Ours is wrong: two people approve a cancellation and its replacement, both leave, the new one matches."""
    await p.post(names.message("nmat-dmon", "1002", 1))
    approval = await p.approval()
    for who in rng.sample(["ann", "ben", "cat"], 2):
        await p.decide(who, approval)
    await p.phase("AWAITING_EXTERNAL")
    await p.post(names.message("cand", "1002", 2))
    await p.delivered(2)
    new = {"WO-1001": f"{names.reference}-R1", "CSD261120001001": f"CSR{names.n:09d}"}
    await p.post(names.message("mach", "1001", 3, **new))
    await p.ended("resolved")


async def early(p: Player, names: Names, rng: random.Random) -> None:
    """The other side matches before anybody decides: what people were asked is withdrawn."""
    await p.post(names.message("nmat-dmon", "1001", 1))
    await p.approval()
    await p.post(names.message("mach", "1001", 2))
    await p.ended("resolved")


async def doubled(p: Player, names: Names, rng: random.Random) -> None:
    """Everything is sent twice, to two apis at once."""
    text = names.message("nmat-dmon", "1001", 1)
    await asyncio.gather(*(p.post(text, at=n) for n in range(2)))
    approval = await p.approval()
    await asyncio.gather(*(p.decide("ann", approval, at=n) for n in range(2)))
    await p.phase("AWAITING_EXTERNAL")
    text = names.message("mach", "1001", 2)
    await asyncio.gather(*(p.post(text, at=n) for n in range(2)))
    await p.ended("resolved")


async def edit(p: Player, names: Names, rng: random.Random) -> None:
    """Somebody changes what is proposed and is a maker from then on; somebody else approves the change."""
    await p.post(names.message("nmat-dmon", "1001", 1))
    approval = await p.approval()
    await p.decide("ben", approval, "edit", edited_params={"note": "please answer today"})
    edited = await p.next_approval(approval)
    await p.decide("ben", edited, refused=(403,))
    await p.decide("ann", edited)
    await _matched(p, names, 2)


async def escalate(p: Player, names: Names, rng: random.Random) -> None:
    """One tier up, under the same hash: now two people are needed."""
    await p.post(names.message("nmat-dmon", "1001", 1))
    approval = await p.approval()
    await p.decide("cat", approval, "escalate")
    raised = await p.next_approval(approval)
    await p.decide("ann", raised)
    await p.decide("sue", raised)
    await _matched(p, names, 2)


async def question(p: Player, names: Names, rng: random.Random) -> None:
    """A question first: an analyst answers it, and people are asked again."""
    await p.post(names.message("nmat-dmon", "1001", 1))
    approval = await p.approval()
    await p.decide("ann", approval, "request_info")
    await p.complete(await p.task())
    await p.decide("ben", await p.next_approval(approval))
    await _matched(p, names, 2)


async def reject(p: Player, names: Names, rng: random.Random) -> None:
    """Not this action: what is left is a task, and with it the case ends."""
    await p.post(names.message("nmat-dmon", "1002", 1))
    await p.decide("sue", await p.approval(), "reject", reason_code="WRONG_CAUSE")
    await p.complete(await p.task())
    await p.ended("resolved")


async def quarrel(p: Player, names: Names, rng: random.Random) -> None:
    """Everybody decides at once, and otherwise: one outcome, and all others are told."""
    await p.post(names.message("nmat-dmon", "1001", 1))
    approval = await p.approval()
    said: list[tuple[str, str, dict[str, Any]]] = [
        ("ann", "approve", {}),
        ("ben", "reject", {"reason_code": "WRONG_CAUSE"}),
        ("cat", "escalate", {}),
        ("sue", "approve", {}),
    ]
    rng.shuffle(said)
    answers = await asyncio.gather(
        *(p.decide(who, approval, verb, refused=(403, 409, 410), **more) for who, verb, more in said)
    )
    if sum(answer.is_success for answer in answers) != 1:
        raise Stuck(f"{[a.status_code for a in answers]}: one of four decisions must win")
    if next(a for a in answers if a.is_success).json()["state"] == "approved":
        await _matched(p, names, 2)
        return
    await p.cancel()
    await p.ended("cancelled")


async def cancel_at_once(p: Player, names: Names, rng: random.Random) -> None:
    """Cancelled while its first run may be at work."""
    await p.post(names.message("nmat-dmon", "1001", 1))
    await asyncio.sleep(rng.uniform(0, 0.3))
    await p.cancel()
    await p.ended("cancelled")


async def cancel_later(p: Player, names: Names, rng: random.Random) -> None:
    """Cancelled while people are asked."""
    await p.post(names.message("nmat-dmon", "1002", 1))
    approval = await p.approval()
    await p.decide("ann", approval)
    await p.cancel()
    await p.ended("cancelled")


async def waiting(p: Player, names: Names, rng: random.Random) -> None:
    """Nobody decides: it waits for them to the end of the run."""
    await p.post(names.message("nmat-dmon", "1002", 1))
    await p.approval()


async def expire(p: Player, names: Names, rng: random.Random) -> None:
    """A scheduler's case that nobody works on by its deadline."""
    await _ensure(p, names, expires_at=(datetime.now(UTC) + timedelta(seconds=3)).isoformat())
    await p.ended("expired")


async def job(p: Player, names: Names, rng: random.Random) -> None:
    """A scheduler's case, asked for twice: its task is done, and asking again attaches to it."""
    await _ensure(p, names)
    await _ensure(p, names)
    await p.complete(await p.task())
    await p.ended("resolved")


async def _ensure(p: Player, names: Names, **more: Any) -> None:
    told = await p.ask(
        "POST",
        "/v1/cases:ensure",
        "eod",
        {"workflow": "settlement", "key": f"eod/{names.reference}", "owner": "ti-1", "desk": "rates", **more},
    )
    if p.case_id not in ("", told["id"]):
        raise Stuck(f"ensure answered case {told['id']}, and before {p.case_id}")
    p.play.case_id = told["id"]


async def by_hand(p: Player, names: Names, rng: random.Random) -> None:
    """Opened for a row of the book, talked about, handed over, kept, cancelled, reopened, and cancelled again."""
    told = await p.ask(
        "POST", "/v1/cases", "desk", {"workflow": "settlement", "account": "SAFE-0002", "reference": names.reference}
    )
    p.play.case_id = case = told["id"]
    await p.task()
    await p.ask("POST", f"/v1/cases/{case}/comments", "desk", {"text": "by hand"})
    await p.ask("POST", f"/v1/cases/{case}/assign", "ali", {"assignee": "ali"})
    await p.ask("POST", f"/v1/cases/{case}/hold", "aud", {"held": True, "comment": "keep it"})
    await p.cancel()
    await p.ended("cancelled")
    await p.ask("POST", f"/v1/cases/{case}/reopen", "ali", {"comment": "again"}, refused=(409,))
    p.board.forget(case)
    await p.task()
    await p.cancel()
    await p.ended("cancelled")


async def switched_off(p: Player, names: Names, rng: random.Random) -> None:
    """A kill switch forbids its effect: retried in vain, withdrawn, proposed anew, and cancelled."""
    await p.ask("PUT", "/v1/kill-switches/action:RELEASE", "ops", {"engaged": True, "reason": "for this story"})
    await p.post(names.message("pend-prea", "1005", 1))
    approval = await p.approval()
    await p.decide("ann", approval)
    await p.decide("ben", approval, refused=(409,))
    effect = await _effect(p, "refused")
    await p.ask("POST", f"/v1/effects/{effect['id']}/retry", "sue", {}, refused=(409,))
    await _effect(p, "refused")
    await p.ask("POST", f"/v1/effects/{effect['id']}/cancel", "sue", {}, refused=(409,))
    await p.next_approval(approval)
    await p.cancel()
    await p.ended("cancelled")


async def _effect(p: Player, state: str) -> dict[str, Any]:
    for _ in range(600):
        page = await p.api.get("/v1/effects", "ops", case_id=p.case_id, state=state, kind="message")
        if page["items"]:
            found: dict[str, Any] = page["items"][0]
            return found
        await asyncio.sleep(0.2)
    raise Stuck(f"case {p.case_id}: no {state} effect")


Script = Callable[[Player, Names, random.Random], Awaitable[None]]


@dataclass(frozen=True)
class Story:
    script: Script
    #: How often among a hundred cases, about.
    weight: int
    #: Its ending is the same every time; else only the rules are checked.
    exact: bool = True
    #: The sample instruction its rows are copied from.
    number: str = "1001"


STORIES: dict[str, Story] = {
    "chase": Story(chase, 20),
    "replace": Story(replace, 8, number="1002"),
    "early": Story(early, 18),
    "doubled": Story(doubled, 5),
    "edit": Story(edit, 4),
    "escalate": Story(escalate, 4),
    "question": Story(question, 4),
    "reject": Story(reject, 3, number="1002"),
    "quarrel": Story(quarrel, 5, exact=False),
    "cancel_at_once": Story(cancel_at_once, 6, exact=False),
    "cancel_later": Story(cancel_later, 3, number="1002"),
    "waiting": Story(waiting, 2, number="1002"),
    "expire": Story(expire, 3, exact=False),
    "job": Story(job, 3),
    "by_hand": Story(by_hand, 5, exact=False),
    "switched_off": Story(switched_off, 4, exact=False, number="1005"),
}
#: The same order of stories in every run: each comes as often as its weight says, spread evenly.
_ROUND = [
    name for _, name in sorted((k / story.weight, name) for name, story in STORIES.items() for k in range(story.weight))
]


def story_of(n: int) -> str:
    """Which story case n plays."""
    return _ROUND[n % len(_ROUND)]


def number_of(n: int) -> str:
    return STORIES[story_of(n)].number
