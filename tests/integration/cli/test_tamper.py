"""`wo log tamper-test`: on a real log of a real database, with a real anchor file."""

from __future__ import annotations

import asyncio
import json

import psycopg
import pytest
from psycopg.rows import dict_row

from workflow_orchestration.cli import tamper
from workflow_orchestration.cli.main import run
from workflow_orchestration.cli.session import Session
from workflow_orchestration.store import log

ENTRIES = [log.Entry(f"case.step{n}", log.WORKER, {"n": n, "text": "x" * n}) for n in range(8)]


async def _append(url, stream, entries):
    async with await psycopg.AsyncConnection.connect(url, row_factory=dict_row) as conn:
        await log.append(conn, stream, entries)
        found = (await log.read(conn, stream))[-1]
    return found["seq"], found["hash"]


@pytest.fixture
def anchor(tmp_path):
    return tmp_path / "anchor.jsonl"


@pytest.fixture
def append(database, anchor):
    """Appends to a stream, and anchors its head if asked to."""

    def write(stream, entries, *, anchored):
        head = asyncio.run(_append(database.api, stream, entries))
        if anchored:
            with anchor.open("a") as out:
                out.write(json.dumps({"heads": {stream: head}}) + "\n")

    return write


@pytest.fixture
def tamper_test(database, anchor, monkeypatch, capsys):
    """Runs the command as the database's owner; its exit code, and its trials."""
    monkeypatch.setenv("DATABASE_URL", database.api)
    monkeypatch.setenv("DATABASE_OWNER_URL", database.owner)
    monkeypatch.setenv("LOG_ANCHOR_FILE", str(anchor))

    def command():
        code = run(["log", "tamper-test", "--json"], Session())
        out, err = capsys.readouterr()
        return code, json.loads(out) if out else [], err

    return command


def content(database):
    with psycopg.connect(database.owner) as conn:
        tables = conn.execute("select count(*) from pg_class where relname like 'log_%' and relkind = 'r'").fetchone()
        return conn.execute("select * from log_entries order by stream, seq").fetchall(), tables


def test_each_way_of_tampering_is_named_and_the_rewrite_only_by_the_anchor(append, tamper_test):
    append("system", ENTRIES, anchored=True)
    append("system", ENTRIES[:2], anchored=False)
    code, trials, _ = tamper_test()
    assert code == 0
    assert [t["found"][0].split()[0] for t in trials] == ["changed", "deleted", "truncated", "truncated", "rewritten"]
    assert all(t["passed"] for t in trials)
    assert ["without the anchor: nothing" in t["found"] for t in trials] == [False, False, False, True, True]


def test_the_log_itself_is_only_read_and_no_copy_stays(append, tamper_test, database):
    append("system", ENTRIES, anchored=True)
    before = content(database)
    assert tamper_test()[0] == 0
    assert content(database) == before


def test_it_finds_a_stream_that_the_anchor_knows_among_longer_ones(append, tamper_test):
    append("longer", ENTRIES * 2, anchored=False)
    append("system", ENTRIES[:3], anchored=True)
    code, trials, _ = tamper_test()
    assert code == 0
    assert all("system/" in t["found"][0] for t in trials)


def test_without_an_anchor_it_fails_and_says_what_is_missing(append, tamper_test):
    append("system", ENTRIES, anchored=False)
    code, trials, err = tamper_test()
    assert (code, trials) == (4, [])
    assert "LOG_ANCHOR_FILE" in err


def test_an_empty_log_proves_nothing(tamper_test):
    code, _, err = tamper_test()
    assert code == 4
    assert "no stream" in err


def test_a_log_that_is_invalid_already_is_said_so(append, tamper_test, database):
    append("system", ENTRIES, anchored=True)
    with psycopg.connect(database.owner) as conn:
        conn.execute("update log_entries set data = '{}' where seq = 2")
    code, _, err = tamper_test()
    assert code == 4
    assert "invalid already: changed system/2" in err


@pytest.mark.parametrize(
    ("way", "blinded"),
    [("changed", tamper.TAMPERINGS[0]), ("deleted", tamper.TAMPERINGS[1]), ("rewritten", tamper.TAMPERINGS[4])],
)
def test_a_verify_that_misses_a_way_is_4(append, tamper_test, monkeypatch, way, blinded):
    real = tamper.verify

    async def blind(conn, anchors, *, stream=None):
        report = await real(conn, anchors, stream=stream)
        kept = tuple(f for f in report.findings if f.kind != way)
        return type(report)(not kept, report.streams, report.entries, report.anchors, kept)

    monkeypatch.setattr(tamper, "verify", blind)
    append("system", ENTRIES, anchored=True)
    code, trials, err = tamper_test()
    assert code == 4
    assert blinded.what in err
    assert not next(t for t in trials if t["what"] == blinded.what)["passed"]


def test_a_rewrite_that_even_the_chain_shows_is_4_for_it_proves_nothing_of_the_anchor(append, tamper_test, monkeypatch):
    clumsy = tamper.Tampering("rewrite without the chain", "changed", tamper._flip, needs_anchor=True)
    monkeypatch.setattr(tamper, "TAMPERINGS", (clumsy,))
    append("system", ENTRIES, anchored=True)
    code, [trial], _ = tamper_test()
    assert (code, trial["passed"]) == (4, False)
    assert "found without the anchor too" in trial["found"]


def test_without_the_owners_address_the_variable_is_named(tamper_test, monkeypatch):
    monkeypatch.delenv("DATABASE_OWNER_URL")
    code, _, err = tamper_test()
    assert code == 2
    assert "DATABASE_OWNER_URL" in err


def test_a_database_that_is_away_is_3(tamper_test, monkeypatch):
    monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://wo_owner@127.0.0.1:1/wo")
    assert tamper_test()[0] == 3
