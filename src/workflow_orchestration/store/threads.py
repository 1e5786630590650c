"""How a thread stops and goes on: waits are interrupts as rows, and `settle` is the one way a thread resumes.

Whoever makes something happen that a thread waits for (a decision, a message, a delivery, a task's end, a timer)
does it under the thread's lock and then calls `settle`. The finish of a run does the same, so what happened while
the run was live is never missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from workflow_orchestration.domain.errors import NotFound
from workflow_orchestration.store import approvals, tasks, work
from workflow_orchestration.store.db import Conn, Row, jsonb, one, queries, rows

SQL = queries(__file__)
WaitKind = Literal["approval", "task", "external", "effect"]


@dataclass(frozen=True)
class Wait:
    """One unanswered interrupt: what it waits for, and the newest message item its graph had seen."""

    interrupt_id: str
    kind: WaitKind
    ref: str | None
    seen_seq: int
    payload: dict[str, Any] = field(default_factory=dict)


async def lock(conn: Conn, thread_id: str) -> Row:
    """The thread, locked: before its approvals, effects and tasks."""
    row = await one(conn, SQL["lock"], {"id": thread_id})
    if row is None:
        raise NotFound(f"there is no thread {thread_id}")
    return row


async def put_waits(conn: Conn, thread_id: str, waits: Sequence[Wait]) -> list[Wait]:
    """Make the thread wait for exactly these; returns the new ones."""
    await conn.execute(SQL["drop_waits"], {"thread_id": thread_id, "keep": [w.interrupt_id for w in waits]})
    new = []
    for wait in waits:
        row = await one(
            conn,
            SQL["put_wait"],
            {
                "interrupt_id": wait.interrupt_id,
                "thread_id": thread_id,
                "kind": wait.kind,
                "ref": wait.ref,
                "payload": jsonb(wait.payload),
                "seen_seq": wait.seen_seq,
            },
        )
        if row is not None:
            new.append(wait)
    await _set_state(conn, thread_id, "waiting")
    return new


async def version(conn: Conn, thread_id: str) -> str:
    """The code and graph that last ran a thread; empty when nothing has."""
    row = await one(conn, SQL["version"], {"id": thread_id})
    return str(row["app_version"]) if row else ""


async def note_version(conn: Conn, thread_id: str, version: str) -> str | None:
    """Record the code and graph that run a thread now; the other one that ran it before, if there was one."""
    row = await one(conn, SQL["note_version"], {"id": thread_id, "version": version})
    return row["before"] or None if row else None


async def end(conn: Conn, thread_id: str, outcome: str) -> None:
    await conn.execute(SQL["drop_waits"], {"thread_id": thread_id, "keep": []})
    await _set_state(conn, thread_id, "ended", outcome)


async def _set_state(conn: Conn, thread_id: str, state: str, outcome: str | None = None) -> None:
    await conn.execute(SQL["set_state"], {"id": thread_id, "state": state, "outcome": outcome})


async def answer(conn: Conn, interrupt_id: str, value: dict[str, Any]) -> bool:
    """Store an answer once; False when it was answered or is gone. Call `settle` after."""
    cursor = await conn.execute(SQL["answer"], {"interrupt_id": interrupt_id, "answer": jsonb(value)})
    return cursor.rowcount == 1


async def get_wait(conn: Conn, interrupt_id: str) -> Row | None:
    return await one(conn, SQL["get_wait"], {"interrupt_id": interrupt_id})


def _answer_of(wait: Row) -> dict[str, Any] | None:
    """What has happened that this wait is for; None while nothing has."""
    if wait["answer"] is not None:
        return dict(wait["answer"])
    changed = wait["changed_seq"] > wait["seen_seq"]
    match wait["kind"]:
        case "effect":
            if wait["effect_state"] in ("delivered", "cancelled"):
                return {"type": wait["effect_state"]}
            # refused stays visible for an operator, unless the world moved on: then people see it anew
            return {"type": "refresh"} if wait["effect_state"] == "refused" and changed else None
        case "task" if wait["task_state"] == "done":
            return {"type": "done", "result": wait["result"], "by": wait["completed_by"]}
        case _:
            return {"type": "refresh"} if changed else None


async def settle(conn: Conn, thread: Row) -> bool:
    """Resume a waiting thread whose waits have answers; the caller holds the thread's lock."""
    if thread["state"] == "ended":
        return False
    thread_id, case_id = str(thread["id"]), str(thread["case_id"])
    found = await rows(conn, SQL["waits"], {"thread_id": thread_id})
    answers = {w["interrupt_id"]: a for w in found if (a := _answer_of(w)) is not None}
    if not answers:
        return False
    for wait in found:
        if answers.get(wait["interrupt_id"], {}).get("type") == "refresh":
            await _withdraw(conn, wait)
    run = await work.insert(conn, "run", case_id=case_id, thread_id=thread_id, payload={"answers": answers})
    if run is None:
        return False
    await conn.execute(
        SQL["drop_waits"],
        {"thread_id": thread_id, "keep": [w["interrupt_id"] for w in found if w["interrupt_id"] not in answers]},
    )
    await _set_state(conn, thread_id, "live")
    return True


async def _withdraw(conn: Conn, wait: Row) -> None:
    """A changed status makes what people were asked out of date."""
    if wait["kind"] == "approval":
        await approvals.supersede_pending(conn, wait["interrupt_id"], "refresh")
    elif wait["kind"] == "task":
        await tasks.cancel(conn, wait["ref"])


async def stuck(conn: Conn) -> list[Row]:
    return await rows(conn, SQL["stuck"])


async def undelivered(conn: Conn) -> list[Row]:
    return await rows(conn, SQL["undelivered"])
