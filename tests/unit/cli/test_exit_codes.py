from __future__ import annotations

import httpx
import pytest

REPORT = {"valid": True, "streams": 1, "entries": 3, "anchors": 1, "findings": []}
FINDING = {"kind": "changed", "stream": "system", "seq": 2, "detail": "its content does not give its hash"}
DOWN = httpx.ConnectError("connection refused")


def answer(status, kind, **more):
    body = {"type": kind, "status": status, "detail": "the cause", "fix": "the fix", **more}
    return httpx.Response(status, json=body)


def test_success_is_0(wo):
    wo.answers(httpx.Response(200, json=REPORT))
    ended = wo("log", "verify")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("log: valid")


def test_a_refusal_is_1_and_tells_type_cause_and_fix_on_stderr(wo):
    wo.answers(answer(409, "HashMismatch"))
    ended = wo("cases", "show", "c1")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.splitlines() == ["HashMismatch (409)", "  cause: the cause", "  fix:   the fix"]


def test_row_errors_and_further_facts_are_told_a_line_each(wo):
    wo.answers(answer(422, "InvalidRequest", errors=[{"row": 3, "field": "isin", "cause": "bad"}], successor="a2"))
    ended = wo("cases", "show", "c1")
    assert "  row 3: isin: bad\n" in ended.err
    assert "  successor: a2\n" in ended.err


@pytest.mark.parametrize("argv", [["cases", "nonsense"], ["cases", "show"], ["cases", "list", "--limit", "0"]])
def test_wrong_usage_is_2(wo, argv):
    assert wo(*argv).code == 2
    assert wo.requests == []


def test_no_token_is_2_and_names_both_ways(wo):
    ended = wo("cases", "list", token=None)
    assert ended.code == 2
    assert "API_TOKEN" in ended.err
    assert "--as" in ended.err


def test_a_wrong_setting_is_2_and_named(wo, monkeypatch):
    monkeypatch.setenv("LOCAL_ISSUER_KEY", "short")
    ended = wo("token", "--user", "anna", "--roles", "ops_analyst")
    assert ended.code == 2
    assert "LOCAL_ISSUER_KEY" in ended.err


@pytest.mark.parametrize("failure", [DOWN, answer(503, "NotReady"), answer(500, "PlatformError")])
def test_an_absent_or_broken_platform_is_3(wo, failure):
    wo.answers(failure)
    ended = wo("cases", "list")
    assert (ended.code, ended.out) == (3, "")
    assert "fix:" in ended.err


def test_an_invalid_log_is_4_and_every_finding_is_printed(wo):
    wo.answers(httpx.Response(200, json={**REPORT, "valid": False, "findings": [FINDING]}))
    ended = wo("log", "verify")
    assert ended.code == 4
    assert ended.out.startswith("log: INVALID")
    assert "changed" in ended.out


def test_an_invalid_log_is_4_for_machines_too(wo):
    wo.answers(httpx.Response(200, json={**REPORT, "valid": False, "findings": [FINDING]}))
    ended = wo("log", "verify", "--json")
    assert (ended.code, ended.json["findings"]) == (4, [FINDING])


def test_an_incomplete_environment_is_4(wo):
    ended = wo("env", "--check")
    assert ended.code == 4
    assert "DATABASE_URL: is not set" in ended.err


def test_ctrl_c_is_130(wo):
    def interrupted(_request):
        raise KeyboardInterrupt

    wo.handler = interrupted
    assert wo("cases", "list").code == 130


def test_a_file_that_is_not_there_is_2(wo):
    assert wo("messages", "post", "absent.fin").code == 2
