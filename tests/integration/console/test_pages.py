import re

from tests.integration.console import story

NOWHERE = "0197e0c0-0000-7000-8000-000000000000"


async def _also(pool, *names):
    async with pool.connection() as conn, conn.transaction():
        return await story.asked(conn, *(story.message(name) for name in names))


async def test_no_page_runs_or_loads_what_is_not_a_file_of_ours(visit, asked):
    for path in ("/login", "/queue", f"/cases/{asked.case_id}"):
        answer = await visit("ann").get(path)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=\"/static/)", answer.text)
        assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", answer.text)


async def test_files_are_named_by_their_content_and_kept(visit):
    page = (await visit().get("/login")).text
    for address in re.findall(r"/static/[^\"]+", page):
        answer = await visit().get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


async def test_a_script_in_a_narrative_is_shown_as_text(visit, pool):
    narrative = ":70D::REAS//<script>alert(1)</script>"
    raw = re.sub(r":70D::REAS//[^\r\n]*", narrative, story.message("mt548-pend-lack-WO-1003"))
    assert narrative in raw
    async with pool.connection() as conn, conn.transaction():
        on = await story.asked(conn, raw)
    page = (await visit("ann").get(f"/cases/{on.case_id}")).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page


async def test_a_case_of_another_desk_is_not_there(visit, asked):
    browser = visit("ann", desks=("rates",))
    for path in ("", "/live", "/log"):
        answer = await browser.get(f"/cases/{asked.case_id}{path}")
        assert answer.status_code == 404, path
        assert "There is no such thing" in answer.text


async def test_an_unknown_case_is_not_there(visit, database):
    for case in (NOWHERE, "not-an-id"):
        answer = await visit("ann").get(f"/cases/{case}")
        assert answer.status_code == 404
        assert "text/html" in answer.headers["content-type"]


async def test_a_role_that_may_not_read_cases_is_told_who_may(visit):
    answer = await visit("op", roles=("operator",)).get("/queue")
    assert answer.status_code == 403
    assert "ops_approver" in answer.text


async def test_the_case_shows_what_is_proposed_to_the_byte(visit, asked, pool):
    page = (await visit("ann").get(f"/cases/{asked.case_id}")).text
    assert asked.payload_hash in page
    assert "Cancel replace" in page
    for text in ("EUR 255000.00", "EUR 250000.00", ":23G:CANC", ":20C::PREV//WO-1002", "W1-R1", "V09"):
        assert text in page, text


async def test_what_differs_is_marked_by_a_word_and_a_sign(visit, asked):
    page = (await visit("ann").get(f"/cases/{asked.case_id}")).text
    assert "\u2260 differs" in page
    assert "\u2192 changes" in page


async def test_the_queue_puts_what_waits_for_this_person_first(visit, asked):
    page = (await visit("ann").get("/queue")).text
    assert "Waiting for your decision" in page
    assert "T2, 0 of 2 given" in page
    assert page.index("Waiting for your decision") < page.index("Cases by priority")


async def test_nobody_is_asked_for_a_decision_that_is_not_theirs(visit, asked):
    for user, role in (("u_maker", "ops_approver"), ("u_ingest", "ops_approver"), ("ann", "ops_analyst")):
        browser = visit(user, roles=(role,))
        assert "Waiting for your decision" not in (await browser.get("/queue")).text
        case = (await browser.get(f"/cases/{asked.case_id}")).text
        assert "You cannot decide this one" in case
        assert 'name="payload_hash"' not in case


async def test_filters_narrow_the_queue(visit, asked, pool):
    other = await _also(pool, "mt548-pend-lack-WO-1003")
    browser = visit("ann")
    page = (await browser.get("/queue?desk=rates")).text
    assert other.case_id in page
    assert f'id="case-{asked.case_id}"' not in page
    assert "No case matches these filters" in (await browser.get("/queue?status=resolved")).text


async def test_pages_of_the_queue_follow_each_other_without_gap_or_repeat(visit, asked, pool, monkeypatch):
    monkeypatch.setattr("workflow_orchestration.console.queue._PAGE", 1)
    other = await _also(pool, "mt548-pend-lack-WO-1003")
    browser, seen, path = visit("ann"), [], "/queue"
    while path:
        page = (await browser.get(path)).text
        seen += re.findall(r'id="case-([^"]+)"', page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        path = following[1].replace("&amp;", "&") if following else None
    assert sorted(seen) == sorted([asked.case_id, other.case_id])


async def test_a_forged_cursor_is_refused_by_name(visit):
    answer = await visit("ann").get("/queue?cursor=nonsense")
    assert answer.status_code == 422
    assert "cursor" in answer.text
