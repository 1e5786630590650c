"""Model runs: a row when a question is asked, its end before the answer is used. The rows are the budgets too."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal

from workflow_orchestration.domain.model_run import ModelRun
from workflow_orchestration.store.db import Conn, Row, jsonb, one, queries, rows

SQL = queries(__file__)
#: Advisory locks of budgets: "wo" and a number; the second half is the desk's hash.
_LOCK = 0x776F06
_COLUMNS = {field.name: "output" if field.name == "text" else field.name for field in fields(ModelRun)}


@dataclass(frozen=True)
class Key:
    """Which question of which task: the same when the task is replayed after a crash."""

    thread_id: str
    task_id: str
    n: int


@dataclass(frozen=True)
class Used:
    """What a desk has used today (UTC) and a case in all."""

    desk_tokens: int
    desk_cost: Decimal
    case_tokens: int
    case_cost: Decimal


async def find(conn: Conn, key: Key) -> ModelRun | None:
    """The run of this question, if its end is known."""
    row = await one(conn, SQL["get"], vars(key))
    return run_of(row) if row is not None and row["ended_at"] is not None else None


async def put(conn: Conn, key: Key, run: ModelRun, *, case_id: str, desk: str, ended: bool) -> None:
    """Write down what a question may come to (`ended` false), or what came of it."""
    values = {**vars(run), "parameters": jsonb(run.parameters), "seconds": round(run.seconds, 3)}
    await conn.execute(SQL["put"], {**vars(key), **values, "case_id": case_id, "desk": desk, "ended": ended})


async def lock_budget(conn: Conn, desk: str) -> None:
    """One question of a desk at a time looks at what is left, over all workers."""
    await conn.execute(SQL["lock_budget"], {"key": _LOCK, "desk": desk})


async def used(conn: Conn, *, desk: str, case_id: str) -> Used:
    row = await one(conn, SQL["used"], {"desk": desk, "case_id": case_id})
    assert row is not None
    return Used(**row)


async def of_case(conn: Conn, case_id: str) -> list[tuple[Key, ModelRun]]:
    """Every ended run of a case, in the order they were asked."""
    found = await rows(conn, SQL["of_case"], {"case_id": case_id})
    return [(Key(str(row["thread_id"]), row["task_id"], row["n"]), run_of(row)) for row in found]


def run_of(row: Row) -> ModelRun:
    values = {name: row[column] for name, column in _COLUMNS.items()}
    return ModelRun(**{**values, "seconds": float(row["seconds"])})
