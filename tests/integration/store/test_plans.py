"""With a million rows in each large table, the statements that run all the time use an index."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from workflow_orchestration.store import cases, log, model_runs, retention, threads, work

pytestmark = pytest.mark.slow
MANY = 1_000_000
NOW = datetime.now(UTC)
SOME_ID = str(uuid4())
FILTERS = {**dict.fromkeys(cases.FILTERS), "ids": None, "after_priority": None, "after_id": None, "limit": 51}
DESK = {"all_desks": False, "desks": ["desk10"]}
EVERY_DESK = {"all_desks": True, "desks": ["*"]}

#: The n-th id: in order, as uuid7 is, so that a million of them are in the indexes within seconds.
_ID = "lpad(to_hex(n), 32, '0')::uuid"
_FILL = f"""
set session_replication_role = replica;
insert into cases (id, workflow, key, desk, requester, status, priority)
select {_ID}, 'w', n::text, 'desk' || n % 50, 'r', case when n % 20 = 0 then 'open' else 'resolved' end, n % 977
from generate_series(1, {MANY}) n;
insert into case_references (workflow, account, reference, case_id)
select 'w', 'A', n::text, {_ID} from generate_series(1, {MANY}) n;
insert into threads (id, case_id, n, state, ended_at)
select {_ID}, {_ID}, 1, 'ended', now() - interval '1 day' from generate_series(1, {MANY}) n;
insert into work_items (id, kind, case_id, thread_id, status, not_before, finished_at)
select {_ID}, 'run', {_ID}, {_ID}, 'done', now() - interval '1 day', now() - interval '1 day'
from generate_series(1, {MANY}) n;
update work_items set status = 'running', lease_until = now() + interval '9 s'
where id in (select id from work_items limit 20);
insert into log_entries (stream, seq, at, actor, type, data, prev, hash)
select 's' || n % 200, n, now() - make_interval(secs => n), '{{}}', 't', '{{}}', '', ''
from generate_series(1, {MANY}) n;
insert into model_runs (thread_id, task_id, n, case_id, desk, agent, kind, model, revision, prompt_sha256, parameters,
                        asked_at, tokens_in, tokens_out, cost)
select {_ID}, 't', 0, {_ID}, 'desk' || n % 50, 'triage', 'decision', 'm', '', '', '{{}}',
       now() - make_interval(mins => n % 144000), 900, 40, 0 from generate_series(1, {MANY}) n;
analyze cases, case_references, threads, work_items, log_entries, model_runs;
"""

HOT = {
    "claim": (work.SQL["claim"], {"worker": "w", "limit": 8, "lease": 10, "max_attempts": 5}),
    "heartbeat": (work.SQL["heartbeat"], {"ids": [SOME_ID], "epochs": [1], "lease": 10}),
    "fence": (work.SQL["fence"], {"id": SOME_ID, "epoch": 1}),
    "next due": (work.SQL["next_due"], {}),
    "live run": (work.SQL["live_run"], {"thread_id": SOME_ID}),
    "exhausted": (work.SQL["exhausted"], {"max_attempts": 5}),
    "stuck": (threads.SQL["stuck"], {}),
    "queue page of a desk": (cases.SQL["list"], {**FILTERS, **DESK, "status": "open"}),
    "queue page of all desks": (cases.SQL["list"], {**FILTERS, **EVERY_DESK, "status": "open"}),
    "next queue page": (cases.SQL["list"], {**FILTERS, **EVERY_DESK, "after_priority": 500, "after_id": SOME_ID}),
    "case by reference": (cases.SQL["list"], {**FILTERS, **EVERY_DESK, "reference": "77"}),
    "log read": (log.SQL["read"], {"stream": "s7", "after": 10, "limit": 500}),
    "log of a period": (
        log.SQL["period"],
        {
            "start": NOW - timedelta(minutes=5),
            "end": NOW,
            "after_at": NOW - timedelta(minutes=5),
            "after_stream": "",
            "after_seq": 0,
            "limit": 1000,
        },
    ),
    "prunable threads": (retention.SQL["prunable"], {"days": 90, "limit": retention.BATCH}),
    "pruned items": (retention.SQL["delete_items"], {"cases": [UUID(SOME_ID)], "threads": [SOME_ID], "days": 90}),
    "pruned model runs": (retention.SQL["delete_model_runs"], {"threads": [SOME_ID]}),
    "model run": (model_runs.SQL["get"], {"thread_id": SOME_ID, "task_id": "t", "n": 0}),
    "model runs of a case": (model_runs.SQL["of_case"], {"case_id": SOME_ID}),
    "used of a budget": (model_runs.SQL["used"], {"desk": "desk10", "case_id": SOME_ID}),
    "anchor": (log.SQL["heads_since"], {"since": NOW - timedelta(minutes=1)}),
}
LARGE = {"cases", "case_references", "threads", "work_items", "log_entries", "model_runs"}


@pytest.fixture(scope="module")
def full(postgres, template):
    """A database of its own: a million rows are no scene to leave to other tests."""
    with (
        postgres.copy_of(template) as name,
        psycopg.connect(postgres.url("postgres", name), row_factory=dict_row, autocommit=True) as conn,
    ):
        for statement in _FILL.split(";\n"):  # one long transaction would hold back every export on this server
            conn.execute(statement)
        yield conn


def scanned_whole(plan) -> set[str]:
    found = {plan["Relation Name"]} if plan["Node Type"] == "Seq Scan" else set()
    return found.union(*(scanned_whole(p) for p in plan.get("Plans", [])))


@pytest.mark.parametrize("name", HOT)
def test_a_statement_that_runs_all_the_time_scans_no_large_table(name, full):
    statement, params = HOT[name]
    [row] = full.execute("explain (format json) " + statement, params).fetchall()
    assert not scanned_whole(row["QUERY PLAN"][0]["Plan"]) & LARGE


#: A page holds 51 cases, or 500 entries; 1,024 cases share a priority; a desk's page sorts its own open cases.
PAGES = [name for name in HOT if name.endswith(("page", "desk", "desks", "reference", "read", "period"))]
MOST_ROWS = 10_000


def looked_at(plan) -> int:
    own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return int(own if "Relation Name" in plan else 0) + sum(looked_at(p) for p in plan.get("Plans", []))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_looks_at_few_rows_however_many_there_are(name, full):
    statement, params = HOT[name]
    [row] = full.execute("explain (analyze, format json) " + statement, params).fetchall()
    assert 0 < looked_at(row["QUERY PLAN"][0]["Plan"]) <= MOST_ROWS


def test_a_scan_of_a_whole_table_would_be_seen(full):
    [row] = full.execute("explain (format json) select count(data) from log_entries").fetchall()
    assert scanned_whole(row["QUERY PLAN"][0]["Plan"]) == {"log_entries"}
