"""Plays people around the platform: hands in messages, approves and rejects, lets the other side match."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.adversary.cases import Case, book
from tests.adversary.checker import CaseSeen, Tally
from tests.failure.harness.driver import Api, Stuck

_NDJSON = {"Accept": "application/x-ndjson"}
#: Rows of the book in one request.
_ROWS = 400
#: Who decides, in this order, as many as the tier needs: at T3 one of two is a supervisor.
_DECIDERS = {"T1": ("ann",), "T2": ("ann", "ben"), "T3": ("ann", "sue")}
_REJECTED = 0.05
_POLL = 0.2


async def load(api: Api, cases: Sequence[Case]) -> None:
    for kind, rows in book(list(cases)).items():
        for at in range(0, len(rows), _ROWS):
            await api.ask("PUT", f"/v1/book/{kind}", "ops", json={"rows": rows[at : at + _ROWS]})


async def play(
    api: Api, cases: Iterable[Case], outbox: Path, *, seed: int, at_once: int, patience: float, tally: Tally
) -> None:
    """Play all cases, so many side by side, and judge each as the outside has it when it rests."""
    slots = asyncio.Semaphore(at_once)

    async def one(case: Case) -> None:
        async with slots:
            case_id = await _post(api, case.message)
            with contextlib.suppress(TimeoutError, Stuck):  # a case that does not move is for the checker to judge
                async with asyncio.timeout(patience):
                    await _work(api, case, case_id, random.Random(f"{seed}/{case.n}"))
            tally.add(await _fetch(api, case, case_id, outbox))

    await asyncio.gather(*(one(case) for case in cases))


async def _post(api: Api, text: str) -> str:
    answer = await api.ask(
        "POST", "/v1/messages", "desk", content=text.encode(), headers={"Content-Type": "text/plain"}
    )
    return str(answer.json()["items"][0]["case_id"])


async def _work(api: Api, case: Case, case_id: str, rng: random.Random) -> None:
    """Decide whatever is asked, until the case ends or waits for something other than an approval; now and then the
    other side matches."""
    matches = rng.random() < 0.5
    while True:
        view = await api.get(f"/v1/cases/{case_id}")
        pending = [a for a in view["approvals"] if a["state"] == "pending"]
        if pending:
            await _decide(api, pending[0], rng)
        elif view["status"] != "open" or _rests(view, matches=matches):
            return
        elif view["phase"] == "AWAITING_EXTERNAL" and len(view["items"]) == 1:
            await _post(api, case.match)
        await asyncio.sleep(_POLL)


def _rests(view: dict[str, Any], *, matches: bool) -> bool:
    """Somebody has work, it is waited for a time, or for another side that says nothing."""
    action = (view["proposal"] or {}).get("action")
    timed = view["phase"] == "EXECUTING" and action == "WAIT"
    unanswered = view["phase"] == "AWAITING_EXTERNAL" and not (matches and action == "CHASE")
    return timed or unanswered or any(task["state"] == "open" for task in view["tasks"])


async def _decide(api: Api, approval: dict[str, Any], rng: random.Random) -> None:
    path = f"/v1/approvals/{approval['id']}/decisions"
    shown = {"payload_hash": approval["payload_hash"]}
    if rng.random() < _REJECTED:
        said = {**shown, "decision": "reject", "reason_code": "WRONG_ACTION", "comment": "not this"}
        await api.ask("POST", path, "sue" if approval["tier"] == "T3" else "ann", json=said, refused=(409, 410))
        return
    for who in _DECIDERS[approval["tier"]]:
        await api.ask("POST", path, who, json={**shown, "decision": "approve"}, refused=(409, 410))


async def _fetch(api: Api, case: Case, case_id: str, outbox: Path) -> CaseSeen:
    view = await api.get(f"/v1/cases/{case_id}")
    log = await api.ask("GET", f"/v1/log/cases/{case_id}", "aud", headers=_NDJSON)
    return CaseSeen(
        case=case,
        view=view,
        approvals=[await api.get(f"/v1/approvals/{a['id']}") for a in view["approvals"]],
        entries=[json.loads(line) for line in log.text.splitlines()],
        received=[path.read_text(encoding="utf-8") for path in _files(outbox, view)],
    )


def _files(outbox: Path, view: dict[str, Any]) -> list[Path]:
    """What the receiver has of this case."""
    keys = [f"{e['source']}_{e['step']}" for e in view["effects"] if e["kind"] == "message"]
    return [path for key in keys for ending in ("fin", "txt") if (path := outbox / f"{key}.{ending}").exists()]
