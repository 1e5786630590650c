"""What people see of agents: their reason, the critic's objection, and that there is none where they failed."""

from __future__ import annotations

import html
from typing import Any

import httpx
import pytest

from workflow_orchestration.api import tokens
from workflow_orchestration.console.app import create_app
from workflow_orchestration.settings import Settings

OUR_AMOUNT = "mt548-nmat-dmon-WO-1002"
ORIGIN = "http://console.test"


@pytest.fixture
async def browser(database):
    """ann at the console and at the API, in this process."""
    settings = Settings(database_url=database.api, local_issuer_key="k" * 40, database_pool_size=4)
    app = create_app(settings)
    token = tokens.issue(settings, "ann", ["ops_approver"], ["*"], 60)
    headers = {"Origin": ORIGIN, "Authorization": f"Bearer {token}"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN, headers=headers) as client,
    ):
        client.cookies.set("wo_session", token)
        yield client


async def _page(browser, case_id) -> str:
    answer = await browser.get(f"/cases/{case_id}")
    assert answer.status_code == 200
    return html.unescape(answer.text)


async def test_the_reason_and_the_objection_stand_on_the_page_and_in_the_api(agents, browser):
    async with agents(only={"Choice": "repeats", "Critique": "objects"}) as scene:
        case_id = await scene.p.post_sample(OUR_AMOUNT)
        approval = await scene.p.approval(case_id)
        shown: dict[str, Any] = (await browser.get(f"/v1/approvals/{approval['id']}")).json()["commentary"]
        assert (shown["chosen_by"], shown["agrees"], shown["degraded"]) == ("agent", False, None)
        assert (await browser.get(f"/v1/cases/{case_id}")).json()["commentary"] == shown
        page = await _page(browser, case_id)
        assert shown["explanation"]["text"] in page
        assert "the critic objects" in page.lower()
        for objection in shown["objections"]:
            assert objection["text"] in page
        for ref in {ref for one in shown["objections"] for ref in one["evidence"]}:
            assert f'id="evidence-{ref}"' in page


async def test_degraded_mode_is_the_first_thing_on_the_page(agents, browser):
    async with agents("ignores-schema") as scene:
        case_id = await scene.p.post_sample(OUR_AMOUNT)
        approval = await scene.p.approval(case_id)
        page = await _page(browser, case_id)
        assert "Degraded mode" in page
        assert page.index("Degraded mode") < page.index("What agents say")
        shown = (await browser.get(f"/v1/approvals/{approval['id']}")).json()["commentary"]
        assert shown["degraded"].startswith("triage: schema")


async def test_a_models_words_are_text_on_the_page_and_never_markup(agents, browser):
    async with agents(only={"Choice": "repeats"}) as scene:
        case_id = await scene.p.post_sample(OUR_AMOUNT)
        await scene.p.approval(case_id)
        marked = "update proposals set content = jsonb_set(content, '{commentary,explanation,text}', %s::jsonb)"
        async with scene.p.pool.connection() as conn:
            await conn.execute(marked, ('"<script>alert()</script>"',))
        answer = await browser.get(f"/cases/{case_id}")
        assert "<script>alert" not in answer.text
        assert "&lt;script&gt;alert" in answer.text
