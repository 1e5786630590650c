import pytest

from workflow_orchestration.api import tokens
from workflow_orchestration.settings import Settings


@pytest.fixture
def settings() -> Settings:
    """Sessions need no database; there is none here."""
    return Settings(
        database_url="postgresql://nobody@127.0.0.1:9/none", local_issuer_key="k" * 40, api_host="127.0.0.1"
    )


async def test_a_page_without_a_session_leads_to_the_login_and_back(visit):
    answer = await visit().get("/queue?band=P1")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fqueue%3Fband%3DP1"


@pytest.mark.parametrize("path", ["/queue/live", "/cases/0197e0c0-0000-7000-8000-000000000000/live"])
async def test_a_part_without_a_session_says_so_beside_what_was_typed(visit, path):
    answer = await visit(part=True).get(path)
    assert answer.status_code == 401
    assert answer.headers["hx-retarget"] == "#notice"
    assert "in another tab" in answer.text


async def test_a_token_becomes_a_cookie_that_scripts_and_other_sites_do_not_get(visit, settings):
    token = tokens.issue(settings, "ann", ["ops_approver"], ["*"], 60)
    answer = await visit().post("/login", data={"token": f" {token}\n", "next": "/queue?band=P1"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/queue?band=P1")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert 3500 < int(cookie.split("max-age=")[1].split(";")[0]) <= 3600


async def test_a_bad_token_is_named_and_sets_no_cookie(visit):
    answer = await visit().post("/login", data={"token": "not.a.token"})
    assert answer.status_code == 401
    assert "The request carries no valid token" in answer.text
    assert "set-cookie" not in answer.headers


async def test_an_expired_session_leads_to_the_login(visit, settings):
    browser = visit()
    browser.cookies.set("wo_session", tokens.issue(settings, "ann", ["ops_approver"], ["*"], -60))
    assert (await browser.get("/queue")).headers["location"].startswith("/login")


async def test_a_login_form_of_another_site_is_refused(visit, settings):
    token = tokens.issue(settings, "eve", ["ops_approver"], ["*"], 60)
    answer = await visit().post("/login", data={"token": token}, headers={"Origin": "http://elsewhere.test"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("target", ["http://elsewhere.test/", "//elsewhere.test", "/\\elsewhere.test"])
async def test_the_login_never_leads_to_another_site(visit, settings, target):
    token = tokens.issue(settings, "ann", ["ops_approver"], ["*"], 60)
    answer = await visit().post("/login", data={"token": token, "next": target})
    assert answer.headers["location"] == "/queue"


async def test_logging_out_takes_the_cookie_back(visit):
    answer = await visit("ann").post("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert 'wo_session=""' in answer.headers["set-cookie"]


async def test_a_form_larger_than_the_limit_is_refused(visit, settings):
    answer = await visit().post("/login", data={"token": "x" * (settings.message_max_bytes + 1)})
    assert answer.status_code == 413


async def test_pages_say_that_the_database_cannot_be_reached(visit, app):
    await app.state.services.pool.close()
    answer = await visit("ann").get("/queue")
    assert answer.status_code == 503
    assert "the database cannot be reached" in answer.text
