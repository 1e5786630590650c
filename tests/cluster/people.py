"""Desks and people at one release's API, one call at a time; tests/cluster/crowd.py has many at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx

from ci.local.story import SAMPLE, sample
from tests.cluster.kube import until
from tests.cluster.release import token

#: Who they are, and in which role.
DESK, OLGA, OTTO = ("desk", "requester"), ("olga", "operator"), ("otto", "auditor")
ANN, BEN, SUE = ("ann", "ops_approver"), ("ben", "ops_approver"), ("sue", "ops_supervisor")
Person = tuple[str, str]
#: An effect that has left; what has happened inside, a person's task say, is an effect of another kind.
_SENT = ("message", "delivered")


@dataclass(frozen=True)
class People:
    url: str

    def call(self, who: Person, method: str, path: str, **content: Any) -> Any:
        user, role = who
        headers = {"Authorization": f"Bearer {token(user, [role])}", **content.pop("headers", {})}
        answer = httpx.request(method, self.url + path, headers=headers, timeout=30, **content)
        assert answer.is_success, f"{method} {path} as {user}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def load_book(self, *kinds: str) -> None:
        """These kinds of the sample book; all of them without a name."""
        book = json.loads((SAMPLE / "book.json").read_text(encoding="utf-8"))
        for kind in kinds or book:
            self.call(OLGA, "PUT", f"/v1/book/{kind}", json={"rows": book[kind]})

    def post_sample(self, name: str, **changes: str) -> str:
        """Hand in a shipped message; returns its case."""
        text = sample(name)
        for old, new in changes.items():
            text = text.replace(old.replace("_", "-"), new)
        said = self.call(DESK, "POST", "/v1/messages", content=text.encode(), headers={"Content-Type": "text/plain"})
        return str(said["items"][0]["case_id"])

    def case(self, case_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call(OTTO, "GET", f"/v1/cases/{case_id}")
        return found

    def with_key(self, key: str) -> list[dict[str, Any]]:
        """Cases whose key begins so, those that still stand open alone."""
        listed = self.call(OTTO, "GET", "/v1/cases", params={"limit": 200, "status": "open"})["items"]
        return [case for case in listed if case["key"].startswith(key)]

    def approve(self, case_id: str, *people: Person, seconds: float = 60) -> None:
        """Each of them sees the approval and approves what was shown; it may take so long to come."""
        shown = until(lambda: self._pending(case_id), f"an approval of {case_id}", seconds=seconds)
        for person in people:
            body = {"decision": "approve", "payload_hash": shown["payload_hash"]}
            self.call(person, "POST", f"/v1/approvals/{shown['id']}/decisions", json=body)

    def _pending(self, case_id: str) -> dict[str, Any] | None:
        found = self.call(SUE, "GET", "/v1/approvals")["items"]
        return next((approval for approval in found if approval["case_id"] == case_id), None)

    def complete_task(self, case_id: str) -> None:
        """A person does what the case asks for."""
        asked = until(
            lambda: [t for t in self.case(case_id)["tasks"] if t["state"] == "open"], f"a task of {case_id}", seconds=60
        )
        for task in asked:
            self.call(SUE, "POST", f"/v1/tasks/{task['id']}/complete", json={"result": {}})

    def until_delivered(self, case_id: str, count: int) -> None:
        until(
            lambda: [(e["kind"], e["state"]) for e in self.case(case_id)["effects"]].count(_SENT) >= count,
            f"{count} delivered messages of {case_id}",
            seconds=60,
        )
