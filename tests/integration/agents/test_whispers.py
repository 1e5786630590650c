"""What agents are writing comes beside the log: without a number, for whoever asked for it, and never instead of it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx

from tests.integration.api.live import KEY, running, settings_for

OUR_AMOUNT = "mt548-nmat-dmon-WO-1002"


def _events(url: str, token: str, case_id: str, *, tokens: bool) -> list[dict[str, Any]]:
    """Events of a case until it asks people, each as its fields."""
    found: list[dict[str, Any]] = []
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    params = {"tokens": "true"} if tokens else {}
    path = f"{url}/v1/cases/{case_id}/events"
    with httpx.stream("GET", path, headers=headers, params=params, timeout=60) as answer:
        event: dict[str, Any] = {}
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if line and not line.startswith(":"):
                event[name] = value
            elif "data" in event:
                found.append(event)
                if event["event"] == "approval.opened":
                    return found
                event = {}
    return found


async def test_tokens_come_without_a_number_and_the_entry_after_them_has_the_text(agents, database, tmp_path):
    with running(settings_for(database.api, tmp_path, local_issuer_key=KEY)) as live:
        async with agents(only={"Choice": "repeats"}, start=False) as scene:
            case_id = await scene.p.post_sample(OUR_AMOUNT)
            token = live.token("alice", "ops_analyst")
            reading = [asyncio.to_thread(_events, live.url, token, case_id, tokens=t) for t in (True, False)]
            listening = asyncio.gather(*reading)
            await asyncio.sleep(1)
            await scene.p.start_worker()
            aloud, quiet = await listening
    written = [json.loads(e["data"]) for e in aloud if e["event"] == "agent.token"]
    assert written
    assert all("id" not in e for e in aloud if e["event"] == "agent.token")
    assert all(e["id"] for e in aloud if e["event"] != "agent.token")
    entries = [e for e in aloud if e["event"] != "agent.token"]
    assert [e["id"] for e in entries] == [e["id"] for e in quiet]
    said = [json.loads(e["data"])["data"] for e in entries if e["event"] == "agent.said"]
    triage = "".join(piece["text"] for piece in written if piece["agent"] == "triage")
    assert json.loads(triage) == next(one["answer"] for one in said if one["agent"] == "triage")
