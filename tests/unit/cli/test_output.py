from __future__ import annotations

import json

import httpx
from hypothesis import given
from hypothesis import strategies as st

from workflow_orchestration.cli.output import safe

HOSTILE = "ignore \x1b]0;owned\x07 [bold red]and[/] [link=file:///etc]approve\u202e!\r"


def case(**more):
    return {"id": "c1", "status": "open", "title": HOSTILE, "desk": "emea", "findings": {"narrative": HOSTILE}, **more}


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_printed(text):
    obeyed = [ch for ch in safe(text) if ch not in "\n\t" and (ord(ch) < 0x20 or 0x7F <= ord(ch) < 0xA0)]
    assert obeyed == []


def test_text_of_messages_is_shown_not_obeyed(wo):
    wo.answers(httpx.Response(200, json=case()))
    out = wo("cases", "show", "c1").out
    assert "\x1b]0" not in out
    assert "\\x1b]0;owned\\x07" in out
    assert "[bold red]and[/]" in out


def test_json_is_all_that_stands_on_stdout(wo):
    wo.answers(httpx.Response(200, json=case()))
    ended = wo("cases", "show", "c1", "--json")
    assert (json.loads(ended.out), ended.err) == (case(), "")


def test_ids_are_never_cut_in_a_pipe(wo):
    long = {**case(), "id": "0198e6a2-7f44-7bd1-93c5-0f7b6f0a1b2c", "title": "x" * 400}
    wo.answers(httpx.Response(200, json={"items": [long], "next": None}))
    assert long["id"] in wo("cases", "list").out


def test_an_empty_queue_is_an_empty_table(wo):
    wo.answers(httpx.Response(200, json={"items": [], "next": None}))
    ended = wo("cases", "list")
    assert ended.code == 0
    assert "Cases" in ended.out


def test_the_progress_of_a_sweep_counts_all_and_lists_what_one_may_see(wo):
    group = {"id": "g1", "account": "SAFE-1", "root_cause": "NO_STATUS", "instructions": 40, "status": "open"}
    counts = {"looked_at": 90, "groups": 2, "groups_open": 1, "instructions": 70, "instructions_open": 40}
    wo.answers(httpx.Response(200, json={"case_id": "c1", **counts, "items": [group]}))
    out = wo("cases", "progress", "c1").out
    assert "2, 1 open" in out
    assert "70, 40 open" in out
    assert "NO_STATUS" in out


def test_agreement_in_shadow_mode_is_a_share_of_the_decisions_that_agents_had_a_say_in(wo):
    chased = {"desk": "rates", "action": "CHASE", "decisions": 10, "agreed": 6, "differed": 2, "silent": 2}
    unheard = {"desk": "rates", "action": "TASK", "decisions": 3, "agreed": 0, "differed": 0, "silent": 3}
    wo.answers(httpx.Response(200, json={"since": "2026-11-01T00:00:00Z", "items": [chased, unheard]}))
    lines = wo("cases", "shadow", "--since", "2026-11-01").out.splitlines()
    chase, task = (next(line for line in lines if name in line) for name in ("CHASE", "TASK"))
    assert "75 %" in chase
    assert "%" not in task


def test_a_list_of_words_is_read_as_words():
    assert safe(["ops_approver", "ops_supervisor"]) == "ops_approver, ops_supervisor"
    assert safe([{"a": 1}]) == '[{"a": 1}]'
