"""The pages in a real browser: two people decide, the log grows by itself, nothing that was typed is lost."""

import pytest
from playwright.async_api import expect

from tests.integration.console import story
from workflow_orchestration.domain.facts import Tier
from workflow_orchestration.store import approvals, log
from workflow_orchestration.store.decide import raise_tier

pytestmark = pytest.mark.browser


async def _append(pool, notifier, case_id, *entries):
    async with pool.connection() as conn, conn.transaction():
        await log.append(conn, case_id, entries)
    notifier.wake(case_id)


def _entry(text, **key):
    return log.Entry("case.comment", log.WORKER, {"text": text}, **key)


async def test_a_person_goes_from_the_queue_to_the_case(visit, asked):
    page = await visit("ann", "/queue")
    await expect(page.get_by_role("heading", name="Waiting for your decision")).to_be_visible()
    await page.get_by_role("link", name="Review SAFE-0002/WO-1002").click()
    await expect(page.get_by_role("heading", name="Proposed: Cancel replace")).to_be_visible()
    await expect(page.get_by_label("Text of step 1")).to_contain_text(":23G:CANC")


async def test_two_people_decide_and_each_sees_what_came_of_it(visit, asked):
    ann, bob = await visit("ann", f"/cases/{asked.case_id}"), await visit("bob", f"/cases/{asked.case_id}")
    await ann.get_by_role("button", name="Approve").click()
    await expect(ann.get_by_text("Your approval is recorded")).to_be_visible()
    await expect(bob.locator("#work").get_by_text("1 of 2 approvals")).to_be_visible()
    await bob.get_by_label("Comment (optional)").fill("compared with the booked trade")
    await bob.get_by_role("button", name="Approve").click()
    await expect(bob.locator("[data-decided=approved]")).to_be_visible()
    await expect(ann.locator("#work").get_by_text("compared with the booked trade")).to_be_visible()


async def test_the_log_shows_a_new_entry_without_a_reload(visit, asked, pool, notifier):
    page = await visit("ann", f"/cases/{asked.case_id}")
    before = await page.locator("#log > li").count()
    await _append(pool, notifier, asked.case_id, _entry("the custodian called"))
    await expect(page.locator("#log > li")).to_have_count(before + 1)
    await expect(page.locator("#log > li").last).to_contain_text("the custodian called")


async def test_an_entry_of_a_step_that_ran_again_is_struck_through_live(visit, asked, pool, notifier):
    page = await visit("ann", f"/cases/{asked.case_id}")
    key = {"run_id": "0197e0c0-0000-7000-8000-000000000001", "task_id": "t", "n": 0}
    await _append(pool, notifier, asked.case_id, _entry("first try", epoch=1, **key))
    await expect(page.locator("#log > li").last).to_contain_text("first try")
    await _append(pool, notifier, asked.case_id, _entry("second try", epoch=2, **key))
    replaced = page.locator("#log > li.replaced")
    await expect(replaced).to_have_count(1)
    await expect(replaced).to_contain_text("first try")
    await expect(replaced.get_by_text("this step ran again after a crash")).to_be_visible()


async def _hide(page, hidden):
    await page.evaluate(
        """hidden => {
      Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }""",
        hidden,
    )


async def test_a_hidden_tab_gives_its_connection_back_and_misses_nothing(visit, asked, pool, notifier):
    page = await visit("ann", f"/cases/{asked.case_id}")
    await _append(pool, notifier, asked.case_id, _entry("before"))
    await expect(page.locator("#log > li").last).to_contain_text("before")
    await _hide(page, True)
    await _append(pool, notifier, asked.case_id, _entry("while hidden"))
    await page.wait_for_timeout(400)
    await expect(page.get_by_text("while hidden")).to_have_count(0)
    await _hide(page, False)
    await expect(page.locator("#log > li").last).to_contain_text("while hidden")
    numbers = await page.locator("#log > li").evaluate_all("all => all.map(li => Number(li.id.slice(4)))")
    assert numbers == list(range(1, len(numbers) + 1))


async def test_a_stale_page_gets_the_conflict_in_place_and_keeps_what_was_typed(visit, asked, pool, notifier):
    page = await visit("ann", f"/cases/{asked.case_id}")
    await page.get_by_label("Comment (optional)").fill("I compared all of it")
    async with pool.connection() as conn, conn.transaction():
        approval = await approvals.lock(conn, asked.approval_id)
        await approvals.set_state(conn, asked.approval_id, "superseded", what="expiry")
        await raise_tier(conn, approval, story.POLICY)
    notifier.wake(asked.case_id)
    await expect(page.get_by_text("What this page shows was replaced by a newer approval.")).to_be_visible()
    await page.get_by_role("button", name="Approve").click()
    await expect(page.locator("[data-problem=Superseded]")).to_be_visible()
    assert await page.get_by_label("Comment (optional)").input_value() == "I compared all of it"
    await page.get_by_role("link", name="Open the approval that replaced it").click()
    await expect(page.get_by_text("Tier T3", exact=False).first).to_be_visible()


async def test_a_rejection_asks_for_its_reason_before_anything_is_sent(visit, asked):
    page = await visit("ann", f"/cases/{asked.case_id}")
    await page.locator("summary", has_text="Reject").click()
    await page.get_by_role("button", name="Reject", exact=True).click()
    assert await page.locator("#reason").evaluate("field => !field.validity.valid")
    await page.get_by_label("Reason", exact=True).select_option("WRONG_VALUES")
    await page.locator("#comment-reject").fill("the desk agreed another amount")
    await page.get_by_role("button", name="Reject", exact=True).click()
    await expect(page.locator("[data-decided=rejected]")).to_be_visible()


async def test_the_answer_to_a_task_survives_the_pages_updates(visit, asked, pool, notifier):
    async with pool.connection() as conn, conn.transaction():
        await story.open_task(conn, asked)
    page = await visit("kim", f"/cases/{asked.case_id}", roles=("ops_analyst",))
    answer = page.get_by_label("What was done, or the answer")
    await answer.fill("EUR 250000")
    async with page.expect_response("**/live?*"):
        await _append(pool, notifier, asked.case_id, _entry("meanwhile"))
    await expect(answer).to_have_value("EUR 250000")
    await page.get_by_role("button", name="Complete the task").click()
    await expect(page.get_by_text("Done by kim")).to_be_visible()


async def test_countdowns_run_by_the_servers_clock(visit, asked):
    page = await visit("ann", f"/cases/{asked.case_id}")
    countdown = page.locator("#decision time")
    first = await countdown.text_content()
    await expect(countdown).not_to_have_text(first)
    await expect(countdown).to_contain_text("in 59 min")


async def test_an_effect_is_cancelled_only_after_a_question(visit, asked, pool):
    async with pool.connection() as conn, conn.transaction():
        await story.refused_effect(conn, asked)
    page = await visit("sue", f"/cases/{asked.case_id}", roles=("ops_supervisor",))
    page.on("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="Cancel the effect").click()
    await expect(page.locator("#work").get_by_text("Cancelled")).to_be_visible()


async def test_one_approval_is_enough_where_the_tier_needs_one(visit, pool):
    async with pool.connection() as conn, conn.transaction():
        on = await story.asked(conn, story.message("mt548-pend-prea-WO-1005"), tier=Tier.T1)
    page = await visit("ann", f"/cases/{on.case_id}")
    await page.get_by_role("button", name="Approve").click()
    await expect(page.locator("[data-decided=approved]")).to_be_visible()


async def test_a_page_goes_on_by_itself_after_logging_in_again(visit, asked, settings, address):
    page = await visit("ann", "/queue")
    token = next(c for c in await page.context.cookies() if c["name"] == "wo_session")
    await page.context.clear_cookies()
    await expect(page.locator("[data-problem=Unauthenticated]")).to_be_visible(timeout=8_000)
    await page.context.add_cookies([{"name": "wo_session", "value": token["value"], "url": address}])
    await expect(page.locator("[data-problem=Unauthenticated]")).to_have_count(0, timeout=8_000)
    await expect(page.get_by_role("link", name="Review SAFE-0002/WO-1002")).to_be_visible()
