"""Each command group's main path, on the real API: what is typed, what the platform makes of it, what is shown."""

from __future__ import annotations

import json

import pytest

from tests.integration.api import seeds
from tests.integration.api.live import load_book
from tests.platform import SAMPLE

NMAT = SAMPLE / "messages" / "mt548-nmat-dmon-WO-1001.fin"
DAMAGED = "{1:F01WOTRDEFFAXXX0001000001}{2:O5480915261123CUSTDEFFAXXX00010000012611230915N}{4:\n:16R:GENL\n-}"


@pytest.fixture(scope="module")
def book(live):
    load_book(live)


def test_the_sample_book_is_loaded_and_loaded_again_changes_nothing(wo):
    counts = wo("otto", "book", "load", str(SAMPLE / "book.json"), "--json").json
    assert counts["trade"]["new"] > 0
    again = wo("otto", "book", "load", str(SAMPLE / "book.json"), "--json").json
    assert again["trade"] == {"new": 0, "changed": 0, "unchanged": sum(counts["trade"].values())}


def test_a_row_of_the_book_is_found_again(wo, book):
    found = wo("otto", "book", "get", "account", "SAFE-0001")
    assert found.code == 0
    assert "rates" in found.out


def test_csv_is_loaded_by_the_name_of_its_file(wo, tmp_path):
    (tmp_path / "position.csv").write_text("account,asset,available,as_of\nSAFE-0009,EUR,12.50,2026-11-24T08:00:00Z\n")
    assert wo("otto", "book", "load", "position.csv", "--json").json == {
        "position": {"new": 1, "changed": 0, "unchanged": 0}}  # fmt: skip
    stored = wo("otto", "book", "get", "position", "SAFE-0009/EUR", "--json").json
    assert stored["data"]["available"] == "12.50"


def test_rows_that_the_book_refuses_are_named_by_file_and_line(wo, tmp_path):
    (tmp_path / "fx.csv").write_text("ccy,eur\nXAA,0.92\nXBB,many\n")
    ended = wo("otto", "book", "load", "fx.csv")
    assert ended.code == 1
    assert "fx.csv:3 eur" in ended.err
    assert wo("otto", "book", "get", "fx", "XAA").code == 1


def test_a_message_opens_a_case_and_is_known_the_second_time(wo, book):
    first = wo("nina", "messages", "post", str(NMAT), "--json").json["items"][0]
    again = wo("nina", "messages", "post", str(NMAT))
    assert f"{first['message_id']} (known already)" in again.out
    assert f"case {first['items'][0]['case_id']}" in again.out
    assert "WO-1001" in wo("nina", "cases", "show", first["items"][0]["case_id"]).out


def test_every_message_of_an_rje_file_is_posted(wo, book, tmp_path):
    names = ("mt548-pend-lack-WO-1003", "mt548-cand-WO-1002")
    (tmp_path / "batch.rje").write_text("$".join((SAMPLE / "messages" / f"{n}.fin").read_text() for n in names))
    posted = wo("nina", "messages", "post", "batch.rje", "--idempotency-key", "b1", "--json").json["items"]
    assert len({answer["message_id"] for answer in posted}) == 2
    shown = wo("nina", "messages", "show", posted[0]["message_id"], "--json").json
    assert shown["message_type"] == "548"


def test_a_damaged_message_is_refused_with_its_line(wo, tmp_path):
    (tmp_path / "bad.fin").write_text(DAMAGED)
    ended = wo("nina", "messages", "post", "bad.fin")
    assert ended.code == 1
    assert "MessageUnreadable (422)" in ended.err
    assert "line: " in ended.err


def test_the_queue_and_a_case_and_its_log_are_shown(wo, live):
    case_id = seeds.case(live)
    seeds.say(live, case_id, "one", "two")
    assert case_id in wo("nina", "cases", "list", "--limit", "200").out
    shown = wo("nina", "cases", "show", case_id, "--json").json
    assert (shown["id"], shown["status"]) == (case_id, "open")
    assert [line.split()[2] for line in wo("nina", "cases", "events", case_id).out.splitlines()][-2:] == ["one", "two"]


def test_following_a_case_ends_when_the_case_ends(wo, live):
    case_id = seeds.case(live)
    seeds.end(live, case_id, "cancelled")
    lines = wo("nina", "cases", "events", case_id, "--follow", "--json").out.splitlines()
    assert [json.loads(line)["type"] for line in lines][-1] == "case.ended"


def test_people_work_on_a_case(wo, live):
    case_id = seeds.case(live)
    assert wo("nina", "cases", "comment", case_id, "custodian phoned").code == 0
    assert wo("nina", "cases", "assign", case_id, "--assignee", "nina", "--json").json["assignee"] == "nina"
    assert wo("nina", "cases", "cancel", case_id, "--json").json["status"] == "cancelled"
    assert wo("nina", "cases", "reopen", case_id, "--comment", "by mistake", "--json").json["status"] == "open"


def test_a_case_is_opened_for_a_trade_of_the_book(wo, book):
    argv = ("cases", "open", "--account", "SAFE-0001", "--reference", "WO-1004", "--expires-at", "2099-01-01")
    opened = wo("nina", *argv, "--json").json
    assert opened["expires_at"].startswith("2099-01-01T00:00:00")
    assert wo("nina", *argv, "--json").json["id"] == opened["id"]


def test_two_people_approve_what_they_were_shown(wo, live):
    approval = seeds.approval(live)
    assert approval["id"] in wo("ann", "approvals", "list").out
    shown = wo("ann", "approvals", "show", approval["id"]).out
    assert "Chase the custodian." in shown
    assert shown.rstrip().endswith(approval["hash"])
    first = wo("ann", "approvals", "decide", approval["id"], "approve", "--hash", approval["hash"])
    assert "pending (1 of 2 approvals)" in first.out
    second = wo("ben", "approvals", "decide", approval["id"], "approve", "--hash", approval["hash"], "--json").json
    assert (second["state"], second["approvals"]) == ("approved", 2)


def test_another_hash_than_was_shown_is_refused(wo, live):
    approval = seeds.approval(live)
    ended = wo("ann", "approvals", "decide", approval["id"], "approve", "--hash", "sha256:other")
    assert ended.code == 1
    assert "HashMismatch (409)" in ended.err


def test_an_edit_names_the_field_that_cannot_be_edited(wo, live):
    approval = seeds.approval(live, editable=("note",))
    argv = ("approvals", "decide", approval["id"], "edit", "--hash", approval["hash"], "--comment", "x")
    ended = wo("ann", *argv, "--set", "amount=5")
    assert (ended.code, "edited_params.amount: not editable" in ended.err) == (1, True)


def test_a_question_supersedes_the_approval_and_says_so_to_whoever_comes_late(wo, live):
    approval = seeds.approval(live)
    argv = ("approvals", "decide", approval["id"])
    asked = wo("ann", *argv, "request-info", "--hash", approval["hash"], "--comment", "which trade?", "--json")
    assert asked.json["state"] == "superseded"
    assert "Superseded (410)" in wo("ben", *argv, "approve", "--hash", approval["hash"]).err


def test_a_task_is_brought_to_its_end(wo, live):
    task = seeds.task(live)
    assert task["id"] in wo("nina", "tasks", "list").out
    done = wo("nina", "tasks", "complete", task["id"], "--result", "answer=T-1001", "--json").json
    assert (done["state"], done["result"]["answer"]) == ("done", "T-1001")


def test_a_refused_effect_is_tried_again_and_a_pending_one_withdrawn(wo, live):
    refused, pending = seeds.effect(live, refused=True), seeds.effect(live)
    assert refused["id"] in wo("sue", "effects", "list", "--state", "refused").out
    assert wo("sue", "effects", "retry", refused["id"], "--json").json["state"] == "pending"
    assert wo("sue", "effects", "cancel", pending["id"], "--json").json["state"] == "cancelled"


def test_a_kill_switch_is_engaged_and_released(wo):
    assert wo("sue", "kill-switch", "engage", "action:CHASE", "--reason", "too many").code == 0
    [switch] = wo("sue", "kill-switch", "list", "--json").json["items"]
    assert (switch["scope"], switch["engaged"], switch["reason"]) == ("action:CHASE", True, "too many")
    assert wo("sue", "kill-switch", "release", "action:CHASE", "--reason", "agreed", "--json").json["engaged"] is False


def test_a_role_that_may_not_is_told_which_roles_may(wo):
    ended = wo("nina", "kill-switch", "engage", "all", "--reason", "x")
    assert ended.code == 1
    assert "Forbidden (403)" in ended.err
    assert "ops_supervisor" in ended.err


def test_the_log_is_verified(wo):
    ended = wo("audrey", "log", "verify")
    assert (ended.code, ended.out.startswith("log: valid")) == (0, True)


def test_the_log_of_a_case_and_of_a_period_is_exported(wo, live, tmp_path):
    case_id = seeds.case(live)
    seeds.say(live, case_id, "one")
    assert wo("audrey", "log", "export", "--case", case_id, "-o", "case.ndjson").code == 0
    entries = [json.loads(line) for line in (tmp_path / "case.ndjson").read_text().splitlines()]
    assert [e["type"] for e in entries][-1] == "one"
    ended = wo("audrey", "log", "export", "--from", "2020-01-01", "--to", "2020-02-01")
    assert (ended.code, json.loads(ended.out)["count"]) == (0, 0)


def test_an_export_that_fails_leaves_no_file(wo, tmp_path):
    ended = wo("nina", "log", "export", "--case", "0198e6a2-7f44-7bd1-93c5-0f7b6f0a1b2c", "-o", "case.ndjson")
    assert ended.code == 1
    assert list(tmp_path.glob("case.ndjson*")) == []
