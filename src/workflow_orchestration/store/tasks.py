"""Tasks: work for people that the platform cannot do itself. Each has an end: `complete`."""

from __future__ import annotations

from typing import Any

from workflow_orchestration.domain.errors import Conflict, Forbidden, NotFound
from workflow_orchestration.domain.roles import ALL_DESKS, Principal, Role
from workflow_orchestration.store.db import Conn, Row, jsonb, new_id, one, queries, rows

SQL = queries(__file__)


async def put(
    conn: Conn, *, case_id: str, source: str, step: str, kind: str, role: str, text: str, thread_id: str | None = None
) -> Row:
    """Write a task once; a second call returns the first one's row."""
    await conn.execute(
        SQL["insert"],
        {
            "id": new_id(),
            "case_id": case_id,
            "thread_id": thread_id,
            "source": source,
            "step": step,
            "kind": kind,
            "role": role,
            "text": text,
        },
    )
    row = await one(conn, SQL["by_key"], {"source": source, "step": step})
    assert row is not None
    return row


async def get_visible(conn: Conn, task_id: str, principal: Principal) -> Row:
    row = await one(conn, SQL["get"], {"id": task_id})
    if row is None or not principal.sees(row["desk"]):
        raise NotFound(f"there is no task {task_id}")
    return row


async def complete(conn: Conn, task_id: str, result: dict[str, Any], principal: Principal) -> Row:
    """End a task. A task for a role is ended by that role, or by a supervisor."""
    task = await one(conn, SQL["lock"], {"id": task_id})
    assert task is not None
    if not principal.roles & {task["role"], Role.OPS_SUPERVISOR}:
        raise Forbidden(f"this task is for {task['role']}", required_roles=[task["role"], Role.OPS_SUPERVISOR.value])
    if task["state"] != "open":
        raise Conflict(
            f"the task is {task['state']} already", fix="Nothing is left to do.", completed_by=task["completed_by"]
        )
    await conn.execute(SQL["complete"], {"id": task_id, "result": jsonb(result), "by": principal.id})
    return task


async def cancel(conn: Conn, task_id: str) -> None:
    await conn.execute(SQL["cancel"], {"id": task_id})


async def cancel_of_thread(conn: Conn, thread_id: str) -> None:
    await conn.execute(SQL["cancel_of_thread"], {"thread_id": thread_id})


async def page(
    conn: Conn,
    principal: Principal,
    *,
    state: str | None = None,
    role: str | None = None,
    case_id: str | None = None,
    limit: int = 100,
) -> list[Row]:
    return await rows(
        conn,
        SQL["list"],
        {
            "all_desks": ALL_DESKS in principal.desks,
            "desks": list(principal.desks),
            "state": state,
            "role": role,
            "case_id": case_id,
            "limit": limit,
        },
    )
