"""A peer under torture: a careful client of its protocol. Thread ids are the client's own, so that handing in twice is
one thread; runs refuse to start beside another (`multitask_strategy: reject`); checkpoints are durable (`sync`).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from benchmarks.peers import Peer
from benchmarks.torture.system import Said, Standing

_SPACE = uuid.UUID(int=7)
_RUN = {"assistant_id": "bench", "durability": "sync", "multitask_strategy": "reject"}


@dataclass
class PeerSide:
    peer: Peer
    outbox: Path
    #: Runs that answered a decision, by case: a run that ends in an error has told its sender.
    runs: dict[int, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.name = self.peer.name
        self._http = httpx.AsyncClient(base_url=self.peer.base_url, timeout=10)

    def _thread(self, n: int) -> str:
        return str(uuid.uuid5(_SPACE, f"{self.peer.port}/{n}"))

    async def submit(self, n: int) -> Said:
        thread = self._thread(n)
        try:
            await self._http.post("/threads", json={"thread_id": thread, "if_exists": "do_nothing"})
            state = await self._state(n)
            if state is not None and (state.get("values") or state.get("next")):
                return "accepted"  # an earlier try had arrived
            body = {**_RUN, "input": {"progress": {"case": str(n)}}}
            return _said(await self._http.post(f"/threads/{thread}/runs", json=body))
        except httpx.HTTPError:
            return "unanswered"

    async def decide(self, n: int, question: str, decision: str, person: str) -> Said:
        body = {**_RUN, "command": {"resume": {question: {"type": decision, "by": person}}}}
        try:
            answer = await self._http.post(f"/threads/{self._thread(n)}/runs", json=body)
        except httpx.HTTPError:
            return "unanswered"
        if _said(answer) == "accepted":
            self.runs.setdefault(n, []).append(f"{answer.json()['run_id']} {decision} {person}")
        return _said(answer)

    async def told_later(self, n: int, decision: str, person: str) -> bool:
        """Whether every run that took this decision ended in an error: its sender can know that it did not count."""
        mine = [line.split() for line in self.runs.get(n, ()) if line.endswith(f" {decision} {person}")]
        states = []
        for run, *_ in mine:
            try:
                answer = await self._http.get(f"/threads/{self._thread(n)}/runs/{run}")
            except httpx.HTTPError:
                return False
            states.append(answer.json().get("status") if answer.status_code == 200 else None)
        return bool(states) and all(s == "error" for s in states)

    async def standing(self, n: int) -> Standing:
        state = await self._state(n)
        if state is None or not (state.get("values") or state.get("next") or state.get("tasks")):
            return Standing("absent")
        asked = [i for task in state.get("tasks", ()) for i in task.get("interrupts", ())]
        if asked:
            return Standing("waiting", question=asked[0].get("id") or asked[0].get("interrupt_id") or "")
        outcome = ((state.get("values") or {}).get("progress") or {}).get("outcome")
        return Standing("ended", outcome=outcome) if outcome else Standing("working")

    async def _state(self, n: int) -> dict[str, Any] | None:
        answer = await self._http.get(f"/threads/{self._thread(n)}/state")
        return dict(answer.json()) if answer.status_code == 200 else None

    async def kill(self) -> None:
        self.peer.kill()
        self.peer.start()
        await self.peer.ready()

    def effects(self) -> list[str]:
        return self.outbox.read_text().split() if self.outbox.exists() else []


def _said(answer: httpx.Response) -> Said:
    if answer.is_success:
        return "accepted"
    return "refused" if answer.status_code < 500 else "unanswered"
