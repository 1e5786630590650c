"""The HTTP client of the measured graph on our API: open, follow the stream to the approval, decide, see the end."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from benchmarks.engine import our_workflow
from benchmarks.engine.site import KEY, Site
from workflow_orchestration.api import tokens
from workflow_orchestration.settings import Settings


@dataclass(frozen=True)
class Told:
    """One server-sent event, and when it was here (Unix seconds)."""

    type: str
    data: dict[str, Any]
    received: float

    @property
    def written(self) -> float:
        """When the database wrote the entry, by the same machine's clock."""
        return datetime.fromisoformat(self.data["at"]).timestamp()


class OurClient:
    """Desk and approver. One connection pool, as a service would have."""

    def __init__(self, site: Site) -> None:
        settings = Settings(database_url="postgresql://x@/x", local_issuer_key=KEY)
        self._desk = _bearer(tokens.issue(settings, "bench-desk", ["requester"], ["*"], 600))
        self._ann = _bearer(tokens.issue(settings, "bench-ann", ["ops_approver"], ["*"], 600))
        limits = httpx.Limits(max_connections=400, max_keepalive_connections=400)
        self.http = httpx.AsyncClient(base_url=site.base_url, limits=limits, timeout=120)

    async def open(self, key: str, **asked: Any) -> str:
        body = {"workflow": our_workflow.NAME, "key": key, "owner": "bench", "desk": "bench", "input": asked}
        answer = await self.http.post("/v1/cases:ensure", json=body, headers=self._desk)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    async def follow(self, case_id: str, after: int = 0) -> AsyncIterator[Told]:
        headers = {**self._desk, "Accept": "text/event-stream", "Last-Event-ID": str(after)}
        async with self.http.stream("GET", f"/v1/cases/{case_id}/events", headers=headers) as answer:
            assert answer.status_code == 200, answer.status_code
            kind = ""
            async for line in answer.aiter_lines():
                if line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: "):
                    yield Told(kind, json.loads(line[6:]), time.time())

    async def decide(self, opened: dict[str, Any]) -> None:
        body = {"decision": "approve", "payload_hash": opened["payload_hash"]}
        answer = await self.http.post(f"/v1/approvals/{opened['approval_id']}/decisions", json=body, headers=self._ann)
        assert answer.status_code == 200, answer.text

    async def status(self, case_id: str) -> str:
        answer = await self.http.get(f"/v1/cases/{case_id}", headers=self._desk)
        return str(answer.json()["status"])

    async def post_message(self, text: str) -> None:
        headers = {**self._desk, "Content-Type": "text/plain"}
        answer = await self.http.post("/v1/messages", content=text.encode(), headers=headers)
        assert answer.status_code == 202, answer.text

    async def one(self, key: str, **asked: Any) -> tuple[float, list[Told]]:
        """A whole workflow; returns the seconds from the decision to the end, and every event."""
        case_id = await self.open(key, **asked)
        told: list[Told] = []
        decided = 0.0
        async for event in self.follow(case_id):
            told.append(event)
            if event.type == "approval.opened":
                decided = time.time()
                await self.decide(event.data["data"])
            if event.type == "end":
                break
        assert decided, [e.type for e in told]
        return time.time() - decided, told


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
