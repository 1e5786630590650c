"""Plays desks and people through HTTP, whatever happens to the other end: asks again, elsewhere, until it is told.

A request that was not answered may have been done all the same. So each is made in a way that may be repeated, and
only what was answered is written down as accepted.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.failure.harness import people

#: Seconds until an unanswered question, or a case that does not move, is called stuck. Several of the product's longest
#: waits, one after the other: faults follow each other too, and a busy machine must not be taken for a broken promise.
PATIENCE = 300.0
_ANSWER_SECONDS = 25.0
_POLL_SECONDS = 0.15
_BATCH = 200
#: Answers that say: not now.
_NOT_NOW = frozenset({429, 500, 502, 503, 504})


class Stuck(Exception):
    """It was waited for, and did not come."""


@dataclass
class Api:
    """Any of several api processes, as several people. `load` counts requests in flight, by api."""

    urls: list[str]
    key: str
    load: dict[str, int] = field(default_factory=dict)
    #: Answers that were errors of the server, by status: a 500 is a finding.
    errors: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._tokens = people.tokens(self.key)
        self._turn = itertools.count()
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(_ANSWER_SECONDS, connect=3),
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=40),
        )
        self.load = dict.fromkeys(self.urls, 0)

    async def close(self) -> None:
        await self._client.aclose()

    async def get(self, path: str, who: str = "aud", **params: Any) -> Any:
        return (await self.ask("GET", path, who, params=params)).json()

    async def ask(
        self,
        method: str,
        path: str,
        who: str,
        *,
        at: int | None = None,
        refused: Sequence[int] = (),
        headers: dict[str, str] | None = None,
        **request: Any,
    ) -> httpx.Response:
        """The answer of whichever api answers; `refused`: statuses that are an answer too. `at`: which one first."""
        deadline, turn = time.monotonic() + PATIENCE, next(self._turn) if at is None else at
        while time.monotonic() < deadline:
            answer = await self._once(method, self.urls[turn % len(self.urls)], path, who, headers, request)
            if answer is not None:
                if answer.is_success or answer.status_code in refused:
                    return answer
                raise Stuck(f"{method} {path} as {who}: {answer.status_code} {answer.text[:400]}")
            turn += 1
            await asyncio.sleep(0.1)
        raise Stuck(f"{method} {path} as {who}: no answer for {PATIENCE:.0f} s")

    async def _once(
        self, method: str, url: str, path: str, who: str, headers: dict[str, str] | None, request: dict[str, Any]
    ) -> httpx.Response | None:
        """One try; None when it has to be made again."""
        self.load[url] += 1
        try:
            answer = await self._client.request(
                method, url + path, headers={**self.auth(who), **(headers or {})}, **request
            )
        except httpx.TransportError:
            return None
        finally:
            self.load[url] -= 1
        if answer.status_code in _NOT_NOW or (
            answer.status_code == httpx.codes.CONFLICT and "retry-after" in answer.headers
        ):
            self.errors[answer.status_code] = self.errors.get(answer.status_code, 0) + 1
            return None
        return answer

    def auth(self, who: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._tokens[who]}"}

    def download(self, path: str, who: str, params: dict[str, str]) -> Any:
        """A long answer, line by line; asked once, when no fault is at work any more."""
        return self._client.stream("GET", self.urls[0] + path, params=params, headers=self.auth(who), timeout=120)

    def stream(self, url: str, path: str, who: str, after: int) -> Any:
        return self._client.stream(
            "GET",
            url + path,
            timeout=httpx.Timeout(15, connect=3),
            headers={**self.auth(who), "Accept": "text/event-stream", "Last-Event-ID": str(after)},
        )


class Board:
    """What the queue says of all cases being played: one request for two hundred of them."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._cases: dict[str, dict[str, Any]] = {}
        self._news = asyncio.Condition()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            ids = list(self._cases)
            for some in _batched(ids):
                page = await self._api.get("/v1/cases", "desk", ids=",".join(some), limit=_BATCH)
                self._cases |= {case["id"]: case for case in page["items"] if case["id"] in self._cases}
            async with self._news:
                self._news.notify_all()

    async def until(self, case_id: str, look: Callable[[dict[str, Any]], Any], what: str) -> Any:
        """Wait until the case is as `look` wants it."""
        self._cases.setdefault(case_id, {})
        try:
            async with asyncio.timeout(PATIENCE), self._news:
                while True:
                    case = self._cases[case_id]
                    if case and (found := look(case)):
                        return found
                    await self._news.wait()
        except TimeoutError:
            case = self._cases.get(case_id, {})
            raise Stuck(
                f"case {case_id}: no {what} for {PATIENCE:.0f} s; it is {case.get('status')}, {case.get('phase')}"
            ) from None

    def cases(self) -> list[str]:
        """Those being played and seen at least once."""
        return [case_id for case_id, case in self._cases.items() if case]

    def forget(self, case_id: str) -> None:
        self._cases.pop(case_id, None)


def _batched(ids: list[str]) -> list[list[str]]:
    return [ids[n : n + _BATCH] for n in range(0, len(ids), _BATCH)]


@dataclass
class Play:
    """What the outside was told of one case: the checker compares it with what the platform shows."""

    n: int
    story: str
    case_id: str = ""
    #: Ids of the messages that were answered 202.
    messages: list[str] = field(default_factory=list)
    #: (approval, person, decision) that were answered 200.
    decisions: list[tuple[str, str, str]] = field(default_factory=list)
    #: Played without faults: its ending is what others of its story must come to.
    calm: bool = False
    #: "done", or why it did not come to its end.
    outcome: str = "playing"


@dataclass
class Player:
    """One case's desk and people."""

    api: Api
    board: Board
    play: Play

    @property
    def case_id(self) -> str:
        return self.play.case_id

    async def post(self, text: str, *, at: int | None = None) -> dict[str, Any]:
        """Hand a message in until it is accepted; its key makes the repetition safe."""
        seme = text.split(":20C::SEME//", 1)[1].split("\n", 1)[0].strip()
        answer = await self.api.ask(
            "POST",
            "/v1/messages",
            "desk",
            at=at,
            content=text.encode(),
            headers={"Content-Type": "text/plain", "Idempotency-Key": seme},
        )
        told: dict[str, Any] = answer.json()
        if told["message_id"] not in self.play.messages:
            self.play.messages.append(told["message_id"])
        [item] = told["items"]
        if self.case_id and item["case_id"] != self.case_id:
            raise Stuck(f"a message of case {self.case_id} went to {item['case_id']} ({item['reason']})")
        self.play.case_id = item["case_id"]
        return told

    async def approval(self) -> dict[str, Any]:
        """The pending approval, as listed to whoever may decide it."""
        while True:
            await self.board.until(self.case_id, lambda c: c["pending_approvals"], "pending approval")
            page = await self.api.get("/v1/approvals", "ann", case_id=self.case_id, state="pending")
            if page["items"]:
                found: dict[str, Any] = page["items"][0]
                return found
            await asyncio.sleep(_POLL_SECONDS)

    async def next_approval(self, before: dict[str, Any]) -> dict[str, Any]:
        """The pending approval that is another one than `before`."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = await self.approval()
            if found["id"] != before["id"]:
                return found
            await asyncio.sleep(_POLL_SECONDS)
        raise Stuck(f"case {self.case_id}: approval {before['id']} has no successor")

    async def decide(
        self,
        who: str,
        approval: dict[str, Any],
        decision: str = "approve",
        *,
        at: int | None = None,
        refused: Sequence[int] = (),
        **more: Any,
    ) -> httpx.Response:
        """Answer what was shown. Sent again it gets the stored answer."""
        body = {"decision": decision, "payload_hash": approval["payload_hash"], **more}
        if decision != "approve":
            body.setdefault("comment", f"{who} says so")
        answer = await self.api.ask(
            "POST", f"/v1/approvals/{approval['id']}/decisions", who, at=at, refused=refused, json=body
        )
        if answer.is_success:
            self.play.decisions.append((approval["id"], who, decision))
        return answer

    async def phase(self, *phases: str) -> None:
        await self.board.until(self.case_id, lambda c: c["phase"] in phases, f"phase {' or '.join(phases)}")

    async def delivered(self, count: int) -> None:
        """So many effects are delivered, and the last one's answer is waited for."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            case = await self.api.get(f"/v1/cases/{self.case_id}", "desk")
            there = [e for e in case["effects"] if e["kind"] == "message" and e["state"] == "delivered"]
            if len(there) >= count and case["phase"] == "AWAITING_EXTERNAL":
                return
            await asyncio.sleep(2 * _POLL_SECONDS)
        raise Stuck(f"case {self.case_id}: {count} effects are not delivered; it is {case['phase']}")

    async def ended(self, *statuses: str) -> str:
        status: str = await self.board.until(
            self.case_id, lambda c: c["status"] != "open" and c["status"], f"end ({' or '.join(statuses)})"
        )
        if statuses and status not in statuses:
            raise Stuck(f"case {self.case_id} ended {status}, not {' or '.join(statuses)}")
        return status

    async def ask(self, method: str, path: str, who: str, body: dict[str, Any], *, refused: Sequence[int] = ()) -> Any:
        return (await self.api.ask(method, path, who, json=body, refused=refused)).json()

    async def cancel(self) -> None:
        """The desk's; asked twice it is told the same, or that the case has ended."""
        await self.ask("POST", f"/v1/cases/{self.case_id}/cancel", "desk", {}, refused=(409,))

    async def task(self) -> dict[str, Any]:
        """The open task of the case."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            page = await self.api.get("/v1/tasks", "ali", case_id=self.case_id, state="open")
            if page["items"]:
                found: dict[str, Any] = page["items"][0]
                return found
            await asyncio.sleep(2 * _POLL_SECONDS)
        raise Stuck(f"case {self.case_id}: no open task")

    async def complete(self, task: dict[str, Any]) -> None:
        """By the analyst; 409 when a lost answer had already done it."""
        await self.ask(
            "POST", f"/v1/tasks/{task['id']}/complete", "ali", {"result": {"answer": "done"}}, refused=(409,)
        )
