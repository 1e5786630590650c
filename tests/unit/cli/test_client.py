from __future__ import annotations

import httpx
import pytest

from workflow_orchestration.cli.client import Api, problem
from workflow_orchestration.cli.exits import Code, Refused, Unreachable

OK = httpx.Response(200, json={"ok": True})
DOWN = httpx.ConnectError("connection refused")
LOST = httpx.ReadTimeout("no answer in time")
NOT_READY = httpx.Response(503, json={"type": "NotReady", "detail": "d", "fix": "f"}, headers={"Retry-After": "7"})


class Wire:
    """Answers in turn; keeps what was sent and how long was waited."""

    def __init__(self, *answers):
        self.left = list(answers)
        self.sent = []
        self.slept = []
        transport = httpx.MockTransport(self)
        self.api = Api("http://api", lambda: f"token-{len(self.sent)}", transport=transport, sleep=self.slept.append)

    def __call__(self, request):
        self.sent.append(request)
        answer = self.left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize("lost", [DOWN, LOST, NOT_READY])
def test_a_read_is_tried_again(lost):
    wire = Wire(lost, OK)
    assert wire.api.get("/v1/cases") == {"ok": True}
    assert len(wire.slept) == 1


def test_retry_after_is_obeyed():
    wire = Wire(NOT_READY, OK)
    wire.api.get("/v1/cases")
    assert wire.slept == [7.0]


def test_a_long_retry_after_is_cut_to_half_a_minute():
    wire = Wire(httpx.Response(429, json={"type": "RateLimited"}, headers={"Retry-After": "900"}), OK)
    wire.api.get("/v1/cases")
    assert wire.slept == [30.0]


def test_it_gives_up_after_four_tries_with_what_the_last_one_said():
    wire = Wire(NOT_READY, NOT_READY, DOWN, NOT_READY)
    with pytest.raises(Refused) as failure:
        wire.api.get("/v1/cases")
    assert (failure.value.kind, failure.value.code, len(wire.sent)) == ("NotReady", Code.UNREACHABLE, 4)


def test_a_post_that_never_arrived_is_sent_again():
    wire = Wire(DOWN, OK)
    assert wire.api.post("/v1/cases/c1/cancel", {}) == {"ok": True}


@pytest.mark.parametrize("lost", [LOST, NOT_READY])
def test_a_post_that_may_have_arrived_is_not_sent_again(lost):
    wire = Wire(lost)
    with pytest.raises((Refused, Unreachable)):
        wire.api.post("/v1/cases/c1/cancel", {})
    assert len(wire.sent) == 1


def test_a_post_that_may_be_repeated_is_sent_again():
    wire = Wire(LOST, OK)
    assert wire.api.post("/v1/approvals/a1/decisions", {}, repeatable=True) == {"ok": True}


def test_every_try_asks_for_the_token_anew():
    wire = Wire(DOWN, OK)
    wire.api.get("/v1/cases")
    assert [r.headers["Authorization"] for r in wire.sent] == ["Bearer token-0", "Bearer token-1"]


def test_options_not_given_are_not_sent():
    wire = Wire(OK)
    wire.api.get("/v1/cases", params={"desk": None, "band": "P1"})
    assert str(wire.sent[0].url) == "http://api/v1/cases?band=P1"


def test_an_answer_that_is_no_problem_document_says_so():
    request = httpx.Request("GET", "http://api/v1/cases")
    failure = problem(httpx.Response(502, text="<html>Bad Gateway", request=request))
    assert failure.code is Code.UNREACHABLE
    assert "<html>Bad Gateway" in failure.cause
    assert "API_URL" in failure.fix


def test_what_a_problem_says_beyond_the_standard_is_kept():
    request = httpx.Request("POST", "http://api/v1/messages")
    told = {"type": "MessageUnreadable", "detail": "d", "fix": "f", "line": 4, "tag": "20C", "request_id": "r1"}
    failure = problem(httpx.Response(422, json=told, request=request))
    assert failure.facts == {"line": 4, "tag": "20C", "request_id": "r1"}
