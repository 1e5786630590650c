"""One poll for all: what the triggerer asks, and what it survives."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from workflow_orchestration_provider import trigger, watch
from workflow_orchestration_provider.hook import DEFAULT_CONNECTION

OPEN = httpx.Response(200, json={"items": [{"id": "a", "status": "open"}, {"id": "b", "status": "open"}]})
A_ENDED = httpx.Response(200, json={"items": [{"id": "a", "status": "resolved"}, {"id": "b", "status": "open"}]})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_EVERY", 0.01)
    monkeypatch.setattr(watch, "_AT_MOST", 0.02)
    monkeypatch.setattr(trigger, "GRACE", 0.01)


async def ended(case_id: str) -> str:
    async with asyncio.timeout(5):
        return await watch.of(DEFAULT_CONNECTION).ended(case_id)


async def test_all_waiting_cases_are_asked_for_at_once(api: Any) -> None:
    api.answers = [OPEN, OPEN, A_ENDED]
    b = asyncio.create_task(ended("b"))
    assert await ended("a") == "resolved"
    assert not b.done()
    assert {tuple(sorted(r.url.params["ids"].split(","))) for r in api.asked} == {("a", "b")}
    b.cancel()


async def test_the_poll_ends_when_nobody_waits(api: Any) -> None:
    api.answers = [A_ENDED]
    await ended("a")
    await asyncio.sleep(0.1)
    asked = len(api.asked)
    await asyncio.sleep(0.1)
    assert len(api.asked) == asked


@pytest.mark.parametrize(
    "trouble", [httpx.ConnectError("refused"), httpx.Response(503), httpx.Response(401), httpx.Response(429),
                httpx.ReadTimeout("late"), httpx.Response(200, text="<html>")],
)  # fmt: skip
async def test_trouble_of_the_platform_is_waited_out(api: Any, trouble: Any) -> None:
    api.answers = [trouble, trouble, trouble, A_ENDED]
    assert await ended("a") == "resolved"


async def test_a_case_that_is_missing_once_is_asked_for_again_and_missing_for_long_is_told(api: Any) -> None:
    nothing = httpx.Response(200, json={"items": []})
    api.answers = [nothing, nothing, A_ENDED]
    assert await ended("a") == "resolved"
    api.answers = [nothing]
    assert await ended("a") == watch.MISSING


async def test_many_cases_are_asked_for_in_addresses_that_a_proxy_takes(api: Any) -> None:
    ids = [f"{n:036d}" for n in range(400)]
    api.answers = [httpx.Response(200, json={"items": [{"id": i, "status": "resolved"} for i in ids]})]
    assert set(await asyncio.gather(*map(ended, ids))) == {"resolved"}
    assert max(len(str(request.url)) for request in api.asked) < 8000


async def test_the_trigger_fires_with_ids_and_status(api: Any) -> None:
    api.answers = [A_ENDED]
    fired = [event.payload async for event in trigger.CaseTrigger("a", "ti-1", DEFAULT_CONNECTION).run()]
    assert fired == [{"case_id": "a", "status": "resolved"}]


async def test_a_killed_trigger_cancels_as_its_owner_though_airflow_cancels_it_each_second(api: Any) -> None:
    api.answers = [httpx.Response(200, json={"status": "cancelled"})]
    killing = asyncio.create_task(trigger.CaseTrigger("a", "ti-1", DEFAULT_CONNECTION).on_kill())
    await asyncio.sleep(0)
    killing.cancel()
    await asyncio.sleep(0.2)
    [request] = api.asked
    assert request.url.path == "/v1/cases/a/cancel"
    assert b'"owner":"ti-1"' in request.content.replace(b" ", b"")


async def test_a_newer_owner_keeps_its_case(api: Any) -> None:
    api.answers = [httpx.Response(409, json={"title": "Another owner has taken over this case"})]
    await trigger.CaseTrigger("a", "ti-1", DEFAULT_CONNECTION).on_kill()
    assert len(api.asked) == 1
