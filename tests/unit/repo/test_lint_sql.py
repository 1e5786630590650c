import pytest

from ci.tools import lint_sql
from ci.tools.source import ROOT


@pytest.mark.parametrize(
    "call",
    [
        "await conn.execute('select 1 from cases')",
        "await conn.execute('''\n  update cases set phase = 'X'\n''')",
        "await one(conn, 'SELECT * FROM cases')",
        "await conn.execute(f'delete from {table}')",
        "await conn.execute('insert into cases ' + more)",
    ],
)
def test_sql_outside_store_is_refused(call, package_file):
    (problem,) = lint_sql.problems(package_file(f"async def f():\n    {call}\n"))
    assert "store/" in problem.message
    assert problem.line == 2


@pytest.mark.parametrize(
    "call",
    [
        "job.execute('selection of cases')",
        "conn.execute(SQL['claim'], {})",
        "rows(page)",
        "conn.execute(SQL['truncate'])",
    ],
)
def test_other_calls_are_fine(call, package_file):
    assert not list(lint_sql.problems(package_file(call)))


@pytest.mark.parametrize("call", ["conn.commit()", "conn.rollback()", "conn.execute('commit')"])
def test_store_never_ends_a_transaction(call, package_file):
    (problem,) = lint_sql.store_problems(package_file(call, "store/cases.py"))
    assert "caller" in problem.message


def test_store_puts_no_values_into_sql_text(package_file):
    (problem,) = lint_sql.store_problems(package_file("conn.execute(f'select {name}')", "store/cases.py"))
    assert "f-string" in problem.message


def test_a_constant_may_stand_where_sql_takes_no_parameter(package_file):
    assert not list(lint_sql.store_problems(package_file("conn.execute(f'listen {CHANNEL}')", "store/notify.py")))


def test_an_sql_file_outside_store_is_refused(write):
    write("src/workflow_orchestration/store/cases.sql", "select 1")
    root = write("src/workflow_orchestration/worker/cases.sql", "select 1")
    assert [p.path for p in lint_sql.check(root)] == ["src/workflow_orchestration/worker/cases.sql"]


def test_every_exception_is_there_and_has_its_reason():
    assert [p for p, reason in lint_sql.ALLOWED.items() if not (ROOT / p).exists() or not reason] == []
