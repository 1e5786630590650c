"""Who may call what: every cell of role x endpoint, generated from the OpenAPI document."""

from __future__ import annotations

import re
from functools import lru_cache

import pytest

from tests.integration.api import seeds
from workflow_orchestration.api.app import create_app
from workflow_orchestration.domain.roles import PERMISSIONS, Operation, Role
from workflow_orchestration.settings import Settings

PROBES = {"/health", "/ready"}


@lru_cache
def document() -> dict:
    return create_app(Settings(database_url="postgresql://x@/x")).openapi()


ENDPOINTS = [
    (method, path, about)
    for path, methods in document()["paths"].items()
    if path not in PROBES
    for method, about in methods.items()
]
IDS = [f"{method} {path}" for method, path, _ in ENDPOINTS]


def address(path: str) -> str:
    return (
        re.sub(r"\{\w+_id\}", "00000000-0000-0000-0000-000000000000", path)
        .replace("{kind}", "fx")
        .replace("{key}", "USD")
        .replace("{scope}", "none")
    )


def call(client, method: str, path: str):
    """A call that can come to no good but is judged by who makes it first; a body would be judged after."""
    return client.request(method, address(path), headers={"Accept": "application/json"})


def test_every_endpoint_names_one_operation_and_every_operation_has_an_endpoint():
    named = {about["x-operation"] for _, _, about in ENDPOINTS}
    assert named == {operation.value for operation in Operation}


@pytest.mark.parametrize(("method", "path", "about"), ENDPOINTS, ids=IDS)
@pytest.mark.parametrize("role", Role)
def test_a_role_may_call_what_its_permissions_say_and_nothing_else(live, role, method, path, about):
    answer = call(_as(live, role), method, path)
    may = about["x-operation"] in {o.value for o in PERMISSIONS[role]}
    refused = answer.status_code == 403 and answer.json()["type"] == "Forbidden"
    assert refused != may, answer.text
    if refused:
        assert answer.json()["required_roles"] == sorted(
            r.value for r, operations in PERMISSIONS.items() if about["x-operation"] in operations
        )


_clients: dict = {}


def _as(live, role):
    key = (live.url, role)
    if key not in _clients:
        _clients[key] = live.client(f"u_{role}", role.value)
    return _clients[key]


@pytest.mark.parametrize(("method", "path", "about"), ENDPOINTS, ids=IDS)
def test_nobody_gets_an_answer_without_a_token(live, method, path, about):
    answer = call(live.anybody(), method, path)
    assert (answer.status_code, answer.json()["type"]) == (401, "Unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path", "about"), ENDPOINTS, ids=IDS)
def test_a_token_without_roles_may_nothing(live, method, path, about):
    answer = call(live.client("nobody", ""), method, path)
    assert answer.status_code == 403


def test_every_route_is_a_probe_or_asks_for_a_token(live):
    """Also those that the document does not list."""
    for path in ("/v1/openapi.json", "/docs", "/openapi.json", "/redoc", "/metrics", "/v1", "/v1/nothing"):
        assert live.anybody().get(path).status_code in (401, 404)
    assert live.anybody().get("/v1/openapi.json").status_code == 401
    assert live.client("any", "").get("/v1/openapi.json").json() == live.app.openapi()


def test_probes_ask_for_nothing_and_say_nothing_more(live):
    for path in PROBES:
        assert (live.anybody().get(path).status_code, live.anybody().get(path).json()) == (200, {"status": "ok"})


SCHEMES = ["Basic YTpi", "Bearer", "bearer x", "Token x", "x", "Bearer a b c"]


@pytest.mark.parametrize("header", SCHEMES)
def test_an_authorization_that_is_no_bearer_token_is_refused(live, header):
    assert live.anybody(headers={"Authorization": header}).get("/v1/cases").status_code == 401


def test_the_session_cookie_reads_and_writes_only_from_our_own_pages(live):
    case = seeds.case(live)
    browser = live.anybody(cookies={"wo_session": live.token("nina", "ops_analyst")})
    host = live.url.removeprefix("http://")
    said = {"text": "hello"}
    assert browser.get("/v1/cases").status_code == 200
    assert browser.post(f"/v1/cases/{case}/comments", json=said).status_code == 403
    foreign = ("http://evil.example", f"http://{host}.evil.example", "null")
    for headers, status in (
        *(({"Origin": origin}, 403) for origin in foreign),
        ({"Origin": f"http://{host}"}, 201),
        ({"HX-Request": "true"}, 201),
    ):
        assert browser.post(f"/v1/cases/{case}/comments", json=said, headers=headers).status_code == status


def test_a_bad_bearer_token_is_not_saved_by_a_good_cookie(live):
    browser = live.anybody(
        cookies={"wo_session": live.token("nina", "ops_analyst")}, headers={"Authorization": "Bearer x"}
    )
    assert browser.get("/v1/cases").status_code == 401


def test_who_may_assign_sees_what_nobodys_desk_has_and_others_do_not(live):
    case = seeds.case(live, desk="unassigned")
    assert live.client("rita", "ops_analyst", desks="rates").get(f"/v1/cases/{case}").status_code == 200
    assert live.client("rolf", "requester", desks="rates").get(f"/v1/cases/{case}").status_code == 404
