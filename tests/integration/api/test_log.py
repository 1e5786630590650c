from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from ci.local.postgres import OWNER
from tests.integration.api import seeds
from workflow_orchestration.domain.canonical import sha256
from workflow_orchestration.store import log

NDJSON = {"Accept": "application/x-ndjson"}


def lines(answer):
    return [json.loads(line) for line in answer.text.splitlines()]


def hour(*, ended: bool) -> dict[str, str]:
    now = datetime.now(UTC)
    end = now if ended else now + timedelta(hours=1)
    return {"from": (now - timedelta(hours=1)).isoformat(), "to": end.isoformat()}


def test_a_cases_log_is_exported_whole_and_each_line_gives_its_hash(auditor, live):
    case = seeds.case(live)
    seeds.say(live, case, *["note"] * 5)
    told = lines(auditor.get(f"/v1/log/cases/{case}", headers=NDJSON))
    assert [e["seq"] for e in told] == [1, 2, 3, 4, 5, 6]
    for entry in told:
        hashed = {k: v for k, v in entry.items() if k not in ("hash", "superseded")}
        assert sha256(hashed) == entry["hash"]


def test_a_cases_log_as_json_is_paged(auditor, live):
    case = seeds.case(live)
    seeds.say(live, case, "a", "b")
    first = auditor.get(f"/v1/log/cases/{case}", params={"limit": 2}).json()
    assert ([e["seq"] for e in first["items"]], first["next"]) == ([1, 2], 2)
    rest = auditor.get(f"/v1/log/cases/{case}", params={"after": 2}).json()
    assert ([e["seq"] for e in rest["items"]], rest["next"]) == ([3], None)


def test_a_period_ends_with_a_trailer_that_counts_it(auditor, live):
    case = seeds.case(live)
    told = lines(auditor.get("/v1/log", params=hour(ended=True)))
    *entries, trailer = told
    assert (trailer["count"], trailer["complete"]) == (len(entries), True)
    assert any(e["stream"] == case for e in entries)
    assert any(e["stream"] == "system" for e in entries)


def test_a_period_that_has_not_ended_is_not_complete(auditor):
    assert lines(auditor.get("/v1/log", params=hour(ended=False)))[-1]["complete"] is False


def test_a_period_waits_for_a_transaction_that_may_still_write_into_it(auditor, live):
    case, held, go_on = seeds.case(live), threading.Event(), threading.Event()

    async def slow(conn):
        await log.append(conn, case, [log.Entry("late.commit", log.WORKER)])
        held.set()
        go_on.wait(5)

    writer = threading.Thread(target=live.store, args=(slow,))
    writer.start()
    held.wait(5)
    period = hour(ended=True)
    threading.Timer(0.5, go_on.set).start()
    told = lines(auditor.get("/v1/log", params=period))
    writer.join()
    assert told[-1]["complete"] is True
    assert [e["type"] for e in told if e.get("stream") == case] == ["case.opened", "late.commit"]


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"from": "2026-01-01T00:00:00Z"},
        {"from": "yesterday", "to": "today"},
        {"from": "2026-01-01T00:00:00", "to": "2026-02-01T00:00:00"},
        {"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
    ],
)
def test_a_period_that_is_none_is_refused(auditor, params):
    assert auditor.get("/v1/log", params=params).status_code == 422


def test_a_period_spans_all_desks_so_a_desks_auditor_reads_case_by_case(live):
    case = seeds.case(live)
    auditor = live.client("dora", "auditor", desks="rates")
    assert auditor.get("/v1/log", params=hour(ended=True)).status_code == 403
    assert auditor.get("/v1/log/verify").status_code == 403
    assert auditor.get("/v1/log/verify", params={"stream": case}).json()["valid"] is True


def test_an_untouched_log_is_valid_and_a_changed_one_is_not(auditor, live, postgres):
    case = seeds.case(live)
    assert auditor.get("/v1/log/verify").json()["valid"] is True
    name = live.settings.database_url.get_secret_value().split("@/")[1].split("?")[0]
    with psycopg.connect(postgres.url(OWNER, name)) as conn:
        conn.execute("update log_entries set type = 'forged' where stream = %s and seq = 1", (case,))
    report = auditor.get("/v1/log/verify", params={"stream": case}).json()
    assert (report["valid"], report["findings"][0]["kind"]) == (False, "changed")


@pytest.mark.parametrize("stream", ["nonsense", "00000000-0000-0000-0000-000000000000"])
def test_a_stream_that_is_not_there_cannot_be_verified(auditor, stream):
    assert auditor.get("/v1/log/verify", params={"stream": stream}).status_code == 404
