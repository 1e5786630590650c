"""Bodies, headers and addresses that no honest client sends: each a clear refusal, nothing lost, never a 500."""

from __future__ import annotations

import socket

import pytest

from tests.integration.api import seeds
from workflow_orchestration.store import views

JSON = {"Content-Type": "application/json"}
BAD = {
    "NaN": (b'{"text": NaN}', 422),
    "Infinity": (b'{"text": Infinity}', 422),
    "huge integer": (b'{"text": 99999999999999999999}', 422),
    "NUL": (b'{"text": "a\\u0000"}', 422),
    "half a surrogate pair": (b'{"text": "\\udc00"}', 422),
    "not UTF-8": (b'{"text": "\xff"}', 422),
    "unknown field": (b'{"text": "x", "more": 1}', 422),
    "another type": (b'{"text": ["x"]}', 422),
    "too long": (b'{"text": "' + b"x" * 2001 + b'"}', 422),
    "empty": (b"", 422),
    "cut off": (b'{"text":', 422),
    "a list": (b"[]", 422),
    "deep": (b"[" * 50_000, 422),
}


@pytest.fixture(scope="module")
def comments(live):
    return f"/v1/cases/{seeds.case(live)}/comments"


@pytest.mark.parametrize(("content", "status"), BAD.values(), ids=BAD)
def test_a_bad_body_is_named(analyst, comments, content, status):
    answer = analyst.post(comments, content=content, headers=JSON)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (status, "InvalidRequest")
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["errors"][0]["field"]
    assert problem["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/xml", "application/x-www-form-urlencoded", "", "application/json; charset=utf-16"],
)
def test_another_content_type_is_refused(analyst, comments, kind):
    answer = analyst.post(comments, content=b'{"text": "x"}', headers={"Content-Type": kind} if kind else {})
    assert (answer.status_code, answer.json()["type"]) == (415, "UnsupportedContent")


def test_a_body_over_the_limit_is_refused(analyst, comments, live):
    answer = analyst.post(comments, content=b"x" * (live.settings.message_max_bytes + 1), headers=JSON)
    assert (answer.status_code, answer.json()["type"]) == (413, "TooLarge")


def test_a_body_over_the_limit_without_a_length_is_refused_while_it_comes(analyst, live):
    def pieces():
        for _ in range(live.settings.message_max_bytes // 65536 + 2):
            yield b"x" * 65536

    answer = analyst.post("/v1/messages", content=pieces(), headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["type"]) == (413, "TooLarge")


def test_a_length_that_lies_is_not_believed(live):
    with socket.create_connection(("127.0.0.1", live.settings.api_port)) as raw:
        raw.sendall(
            "POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
            "Content-Length: 99999999999\r\n"
            f"Authorization: Bearer {live.token('nina', 'ops_analyst')}\r\n\r\n".encode()
        )
        assert b" 413 " in raw.recv(200)


@pytest.mark.parametrize("path", ["/v1/book/fx/%00", "/v1/cases?desk=%00", "/v1/kill-switches/%00"])
def test_an_address_with_nul_is_refused(live, path):
    client = live.client("all", "ops_analyst operator ops_supervisor")
    answer = client.put(path, json={"engaged": True, "reason": "x"}) if "kill" in path else client.get(path)
    assert (answer.status_code, answer.json()["type"]) == (422, "InvalidRequest")


@pytest.mark.parametrize("path", ["/v1/cases/x", "/v1/approvals/1", "/v1/tasks/%F0%9F%92%A9", "/v1/messages/..%2f"])
def test_an_id_that_is_none_is_refused(analyst, path):
    assert analyst.get(path).status_code in (404, 422)


def test_an_address_or_method_that_is_not_there_is_a_problem_too(analyst):
    nowhere, method = analyst.get("/v1/nowhere"), analyst.delete("/v1/cases")
    assert (nowhere.status_code, nowhere.json()["type"]) == (404, "NotFound")
    assert (method.status_code, method.json()["type"]) == (405, "MethodNotAllowed")
    assert "GET" in method.headers["Allow"]


@pytest.mark.parametrize(("sent", "kept"), [("abc-1.2_3", True), ("a b", False), ("x" * 65, False), ("", False)])
def test_a_request_id_is_kept_when_it_is_a_plain_one(analyst, sent, kept):
    back = analyst.get("/v1/cases", headers={"X-Request-ID": sent}).headers["X-Request-ID"]
    assert (back == sent) is kept
    assert len(back) <= 64


def test_a_person_without_a_token_learns_nothing_of_a_bad_body(live, comments):
    assert live.anybody().post(comments, content=b"{", headers=JSON).status_code == 401
    assert live.anybody().post(comments, content=b"x" * 2_000_000, headers=JSON).status_code == 401


def test_an_unexpected_failure_tells_its_request_id_and_nothing_internal(analyst, live, monkeypatch):
    async def broken(*_):
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(views, "case", broken)
    answer = analyst.get(f"/v1/cases/{seeds.case(live)}")
    assert (answer.status_code, answer.json()["type"]) == (500, "PlatformError")
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]
    assert "hunter2" not in answer.text
