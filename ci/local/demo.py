"""`make demo`: the whole story against a running `make up`, through the API alone, shown as it happens.

Our instruction says the wrong amount. The custodian's message opens a case; code finds the cause and proposes to
cancel and replace; the requester is refused; two people approve exactly what they were shown; two messages leave,
once each; the custodian confirms; the case is resolved and its log proves itself.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ci.local.story import sample
from workflow_orchestration.api import tokens
from workflow_orchestration.settings import IssuerSettings, load_issuer

_PATIENCE = 30.0
_ROLES = {
    "desk": ["requester"],
    "ann": ["ops_approver"],
    "ben": ["ops_approver"],
    "olga": ["operator"],
    "otto": ["auditor"],
}


class DemoError(Exception):
    """The story did not go as it must."""


@dataclass
class Person:
    """Somebody with a token; calls the API as themselves."""

    name: str
    http: httpx.Client

    def call(self, method: str, path: str, *, expect: int, **content: Any) -> Any:
        response = self.http.request(method, path, **content)
        if response.status_code != expect:
            raise DemoError(
                f"{self.name}: {method} {path} answered {response.status_code}, not {expect}: {response.text[:500]}"
            )
        return response.json()


@dataclass
class Demo:
    settings: IssuerSettings
    people: dict[str, Person] = field(default_factory=dict)
    #: Unlike any earlier demo's, also of the same second: a case's key is unique for ever. Sixteen characters are the
    #: most, with what is added for a replacement.
    reference: str = field(default_factory=lambda: f"D{time.time_ns() // 1_000_000:X}")

    def __post_init__(self) -> None:
        for name, roles in _ROLES.items():
            held = [*roles, "ops_approver"] if name == "desk" else roles
            token = tokens.issue(self.settings, f"demo-{name}", held, ["*"], 30)
            http = httpx.Client(
                base_url=self.settings.api_url, timeout=30, headers={"Authorization": f"Bearer {token}"}
            )
            self.people[name] = Person(f"demo-{name}", http)

    def play(self) -> None:
        desk, ann, ben, otto = (self.people[n] for n in ("desk", "ann", "ben", "otto"))
        self._book_the_trade()
        say(1, f"the custodian says NMAT//DMON of {self.reference}: our amount and the booked trade differ")
        case_id = self._post(sample("mt548-nmat-dmon-WO-1002"))
        say(2, f"case {case_id} is open; its log, live:")
        self._follow(case_id)
        approval = self._until(lambda: self._pending(case_id), "an approval")
        shown = ann.call("GET", f"/v1/approvals/{approval['id']}", expect=200)
        say(3, f"{shown['action']} at {shown['tier']}, {shown['needed']} people: {shown['summary']}")
        body = {"decision": "approve", "payload_hash": shown["payload_hash"]}
        path = f"/v1/approvals/{approval['id']}/decisions"
        refused = desk.call("POST", path, expect=403, json=body)
        say(4, f"the requester is refused: {refused['detail']}")
        stale = ann.call("POST", path, expect=409, json={**body, "payload_hash": "sha256:of-something-else"})
        say(5, f"another hash than the one shown is refused: {stale['detail']}")
        ann.call("POST", path, expect=200, json=body)
        if self._effects(case_id):
            raise DemoError("one approval of two executed something")
        say(6, "ann approves: one of two, nothing happens")
        ben.call("POST", path, expect=200, json=body)
        say(7, "ben approves: now the cancellation may leave, once")
        self._until(lambda: len(self._delivered(case_id)) == 1, "the cancellation's delivery")
        say(8, "the custodian confirms the cancellation; the replacement leaves, once")
        self._post(sample("mt548-cand-WO-1002"))
        self._until(lambda: len(self._delivered(case_id)) == 2, "the replacement's delivery")
        say(9, "the custodian reports a match")
        self._post(sample("mt548-mach-WO-1001").replace("WO-1001", f"{self.reference}-R1"))
        case = desk.call("GET", f"/v1/cases/{case_id}", params={"wait": 20}, expect=200)
        if case["status"] != "resolved":
            raise DemoError(f"the case is {case['status']}, not resolved")
        say(10, f"case {case['key']} is {case['status']}")
        for effect in self._delivered(case_id):
            print(f"     effect {effect['step']}: {_place(effect)}")
        proof = otto.call("GET", "/v1/log/verify", params={"stream": case_id}, expect=200)
        print(f"log: {'valid' if proof['valid'] else 'INVALID'} ({proof['entries']} entries)")
        if not proof["valid"]:
            raise DemoError("the log does not verify")

    def _book_the_trade(self) -> None:
        """This demo's own trade and instruction, as the sample book has them under another reference."""
        olga = self.people["olga"]
        book = json.loads(
            (Path(__file__).resolve().parents[2] / "src/workflow_orchestration/sample/book.json").read_text(
                encoding="utf-8"
            )
        )
        instruction = next(r for r in book["instruction"] if r["our_ref"] == "WO-1002")
        trade = next(r for r in book["trade"] if r["trade_ref"] == instruction["trade_ref"])
        own = {"trade_ref": f"T{self.reference}"}
        olga.call("PUT", "/v1/book/trade", expect=200, json={"rows": [{**trade, **own}]})
        olga.call(
            "PUT",
            "/v1/book/instruction",
            expect=200,
            json={
                "rows": [
                    {
                        **instruction,
                        **own,
                        "our_ref": self.reference,
                        "csd_ref": f"C{self.reference}",
                        "common_ref": None,
                    }
                ]
            },
        )

    def _post(self, text: str) -> str:
        """Post a synthetic message about this demo's instruction; returns the case of its item."""
        own = text.replace("WO-1002", self.reference).replace("CSD261120001002", f"C{self.reference}")
        own = own.replace("CSD261120001001", f"R{self.reference}").replace("//CUST26", f"//{self.reference[-6:]}")
        answer = self.people["desk"].call(
            "POST", "/v1/messages", expect=202, content=own.encode(), headers={"Content-Type": "text/plain"}
        )
        return str(answer["items"][0]["case_id"])

    def _pending(self, case_id: str) -> Any:
        found = self.people["ann"].call("GET", "/v1/approvals", expect=200)
        return next((a for a in found["items"] if a["case_id"] == case_id), None)

    def _effects(self, case_id: str) -> list[dict[str, Any]]:
        found = self.people["desk"].call("GET", f"/v1/cases/{case_id}", expect=200)["effects"]
        return sorted((e for e in found if e["kind"] == "message"), key=lambda e: e["created_at"])

    def _delivered(self, case_id: str) -> list[dict[str, Any]]:
        return [e for e in self._effects(case_id) if e["state"] == "delivered"]

    def _until(self, look: Callable[[], Any], what: str) -> Any:
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            if found := look():
                return found
            time.sleep(0.1)
        raise DemoError(f"{what} did not come within {_PATIENCE:g} s; is the worker running?")

    def _follow(self, case_id: str) -> None:
        """Print the case's events as the stream brings them."""
        threading.Thread(target=self._stream, args=(case_id,), daemon=True).start()

    def _stream(self, case_id: str) -> None:
        http = self.people["otto"].http
        with http.stream(
            "GET", f"/v1/cases/{case_id}/events", headers={"Accept": "text/event-stream"}, timeout=httpx.Timeout(30)
        ) as response:
            for line in response.iter_lines():
                if line.startswith("event:"):
                    print(f"     | {line.removeprefix('event:').strip()}", flush=True)


def say(step: int, text: str) -> None:
    print(f"{step:2}  {text}", flush=True)


def _place(effect: dict[str, Any]) -> str:
    receipt = effect.get("receipt") or {}
    return str(receipt.get("file") or receipt.get("receiver") or effect["receiver"])


def main() -> int:
    try:
        Demo(load_issuer()).play()
    except httpx.ConnectError:
        print("make demo: nothing answers; run `make up` in another terminal first", file=sys.stderr)
        return 1
    except DemoError as error:
        print(f"make demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
