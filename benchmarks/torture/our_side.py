"""Ours under torture: one api and one worker, killed together; a client that repeats what was not answered."""

from __future__ import annotations

import os
import signal
from typing import Any

import httpx

from benchmarks.engine.site import KEY, Site
from benchmarks.torture import our_workflow
from benchmarks.torture.system import Said, Standing
from workflow_orchestration.api import tokens
from workflow_orchestration.settings import Settings


class OurSide:
    name = "ours"

    def __init__(self, site: Site) -> None:
        self._site = site
        settings = Settings(database_url="postgresql://x@/x", local_issuer_key=KEY)
        people = {"desk": "requester", "ann": "ops_approver", "ben": "ops_approver"}
        self._as = {
            name: {"Authorization": f"Bearer {tokens.issue(settings, name, [role], ['*'], 600)}"}
            for name, role in people.items()
        }
        self._http = httpx.AsyncClient(base_url=site.base_url, timeout=10)
        self._cases: dict[int, str] = {}
        self._hashes: dict[str, str] = {}

    async def submit(self, n: int) -> Said:
        body = {"workflow": our_workflow.NAME, "key": str(n), "owner": "desk", "desk": "bench"}
        try:
            answer = await self._http.post("/v1/cases:ensure", json=body, headers=self._as["desk"])
        except httpx.HTTPError:
            return "unanswered"
        if answer.is_success:
            self._cases[n] = answer.json()["id"]
            return "accepted"
        return "refused" if answer.status_code < 500 else "unanswered"

    async def decide(self, n: int, question: str, decision: str, person: str) -> Said:
        body: dict[str, Any] = {"decision": decision, "payload_hash": self._hashes.get(question, "")}
        if decision == "reject":
            body |= {"reason_code": "OTHER", "comment": "no"}
        try:
            answer = await self._http.post(f"/v1/approvals/{question}/decisions", json=body, headers=self._as[person])
        except httpx.HTTPError:
            return "unanswered"
        if answer.is_success:
            return "accepted"
        return "refused" if answer.status_code < 500 else "unanswered"

    async def told_later(self, n: int, decision: str, person: str) -> bool:
        return False  # what is refused is refused at once

    async def standing(self, n: int) -> Standing:
        case_id = self._cases.get(n)
        if case_id is None:
            return Standing("absent")
        found = (await self._http.get(f"/v1/cases/{case_id}", headers=self._as["desk"])).raise_for_status().json()
        if found["status"] != "open":
            return Standing("ended", outcome=found["status"])
        pending = [a for a in found["approvals"] if a["state"] == "pending"]
        if not pending:
            return Standing("working")
        self._hashes[pending[0]["id"]] = pending[0]["payload_hash"]
        return Standing("waiting", question=pending[0]["id"])

    async def kill(self) -> None:
        processes = [p for p in (self._site.api, *self._site.workers) if p is not None and p.poll() is None]
        for process in processes:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        self._site.start_api()
        self._site.start_worker()
        await self._site.ready()

    def effects(self) -> list[str]:
        """The receiver keeps a file an effect, named by its key; what it says is the case's key."""
        files = self._site.outbox.glob("*") if self._site.outbox.exists() else []
        return [f.read_text().strip() for f in files if not f.name.startswith(".") and f.suffix != ".json"]
