"""Cases and their threads. A case's key is unique for ever; a restart or a later exception opens its next thread."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from workflow_orchestration.domain.canonical import sha256
from workflow_orchestration.domain.cases import Phase, check_edge
from workflow_orchestration.domain.errors import InvalidRequest, NotFound
from workflow_orchestration.domain.roles import ALL_DESKS, Principal
from workflow_orchestration.store import log, work
from workflow_orchestration.store.db import Conn, RacedError, Row, jsonb, new_id, one, queries, rows

SQL = queries(__file__)
_FOLLOWED = SQL["followed"].format(entries=log.SQL["read"])
_UPDATABLE = (
    "status",
    "phase",
    "title",
    "desk",
    "owner",
    "account",
    "assignee",
    "owner_role",
    "root_cause",
    "fault_side",
    "exposure_eur",
    "priority",
    "band",
    "cutoff_at",
    "status_as_of",
    "changed_seq",
    "expires_at",
    "findings",
    "legal_hold",
)


@dataclass(frozen=True)
class NewCase:
    workflow: str
    key: str
    desk: str
    requester: str
    title: str = ""
    owner: str | None = None
    input: dict[str, Any] | None = None
    account: str | None = None
    reference: str | None = None
    expires_at: datetime | None = None


async def open_case(conn: Conn, new: NewCase, actor: dict[str, Any]) -> tuple[Row, bool]:
    """The case of this key and whether it is new. A new one gets its first thread, run and log entry."""
    case = await one(
        conn,
        SQL["insert"],
        {
            "id": new_id(),
            "workflow": new.workflow,
            "key": new.key,
            "desk": new.desk,
            "title": new.title,
            "requester": new.requester,
            "owner": new.owner,
            "input": jsonb(new.input or {}),
            "account": new.account,
            "reference": new.reference,
            "expires_at": new.expires_at,
        },
    )
    if case is None:
        found = await one(conn, SQL["by_key"], {"workflow": new.workflow, "key": new.key})
        assert found is not None
        return found, False
    await start_thread(conn, str(case["id"]))
    if new.expires_at is not None:
        await work.insert(
            conn, "deadline", case_id=str(case["id"]), not_before=new.expires_at, payload={"what": "case_expiry"}
        )
    await log.append(
        conn,
        str(case["id"]),
        [
            log.Entry(
                "case.opened",
                actor,
                {
                    "workflow": new.workflow,
                    "key": new.key,
                    "desk": new.desk,
                    "requester": new.requester,
                    "reference": new.reference,
                    "account": new.account,
                    "after": state_sha(case),
                },
            )
        ],
    )
    return case, True


async def start_thread(conn: Conn, case_id: str) -> Row:
    """The case's next thread, with the run that starts it."""
    thread = await one(conn, SQL["insert_thread"], {"id": new_id(), "case_id": case_id})
    assert thread is not None
    await work.insert(conn, "run", case_id=case_id, thread_id=str(thread["id"]), payload={"input": {}})
    return thread


async def reopen(conn: Conn, case: Row, actor: dict[str, Any], why: str, **changes: Any) -> None:
    """Open the next thread of an ended case. The caller holds the lock of its last thread."""
    case_id = str(case["id"])
    await start_thread(conn, case_id)
    await change(conn, case_id, actor, "case.reopened", {"why": why}, status="open", phase="REOPENED", **changes)


async def get(conn: Conn, case_id: str) -> Row:
    case = await one(conn, SQL["get"], {"id": case_id})
    if case is None:
        raise NotFound(f"there is no case {case_id}")
    return case


async def followed(conn: Conn, case_id: str, principal: Principal, *, after: int, limit: int) -> tuple[list[Row], bool]:
    """The next entries of its log, and whether there is still work on the case; NotFound when it is another desk's."""
    given = {"id": case_id, "stream": case_id, "after": after, "limit": limit}
    found = await rows(conn, _FOLLOWED, given)
    if not found or not principal.sees(found[0]["case_desk"]):
        raise NotFound(f"there is no case {case_id}")
    return [row for row in found if row["seq"] is not None], bool(found[0]["case_status"] == "open")


async def get_visible(conn: Conn, case_id: str, principal: Principal) -> Row:
    """The case, or NotFound when it is another desk's: whether it exists is not said."""
    case = await get(conn, case_id)
    if not principal.sees(case["desk"]):
        raise NotFound(f"there is no case {case_id}")
    return case


async def by_key(conn: Conn, workflow: str, key: str) -> Row | None:
    return await one(conn, SQL["by_key"], {"workflow": workflow, "key": key})


def state_sha(case: Row) -> str:
    """Hash of what can change about a case: the log's before and after."""
    return sha256({name: case[name] for name in _UPDATABLE})


async def update(conn: Conn, case_id: str, **changes: Any) -> tuple[Row, dict[str, Any]]:
    """Change a case; returns it and what the log says of the change: the fields, and the state's hash before and
    after."""
    unknown = set(changes) - set(_UPDATABLE)
    assert not unknown, f"cases have no {unknown}"
    params = {name: changes.get(name) for name in _UPDATABLE} | {"id": case_id}
    if params["findings"] is not None:
        params["findings"] = jsonb(params["findings"])
    found = await rows(conn, SQL["update"], params)
    if not found:
        raise NotFound(f"there is no case {case_id}")
    for row in found:
        del row["is_new"]
    before, after = found
    if changes.get("phase"):
        check_edge(Phase(before["phase"]), Phase(changes["phase"]))
    said = {k: v for k, v in changes.items() if k not in ("findings", "changed_seq", "status_as_of")}
    return after, {**said, "before": state_sha(before), "after": state_sha(after)}


async def change(
    conn: Conn, case_id: str, actor: dict[str, Any], entry: str, data: dict[str, Any] | None = None, **changes: Any
) -> Row:
    """`update` with its log entry."""
    after, said = await update(conn, case_id, **changes)
    await log.append(conn, case_id, [log.Entry(entry, actor, {**(data or {}), **said})])
    return after


async def add_references(conn: Conn, case: Row, references: Sequence[str | None]) -> None:
    """References by which later messages find this case."""
    for reference in dict.fromkeys(r for r in references if r):
        await conn.execute(
            SQL["add_reference"],
            {
                "workflow": case["workflow"],
                "account": case["account"] or "",
                "reference": reference,
                "case_id": case["id"],
            },
        )


async def find_by_reference(
    conn: Conn, workflow: str, account: str | None, references: Sequence[str | None]
) -> str | None:
    known = [r for r in references if r]
    if not known:
        return None
    row = await one(conn, SQL["find_by_reference"], {"workflow": workflow, "account": account, "references": known})
    return str(row["case_id"]) if row else None


async def items(conn: Conn, case_id: str) -> list[Row]:
    """The case's message items, oldest first."""
    return await rows(conn, SQL["items"], {"case_id": case_id})


async def similar(conn: Conn, case: Row, *, limit: int) -> list[Row]:
    """How cases like this one ended, newest first: same desk, cause and counterparty."""
    return await rows(
        conn,
        SQL["similar"],
        {
            "id": case["id"],
            "desk": case["desk"],
            "root_cause": case["root_cause"],
            "counterparty": case["findings"].get("counterparty"),
            "limit": limit,
        },
    )


async def references(conn: Conn, case_id: str) -> list[str]:
    return [r["reference"] for r in await rows(conn, SQL["references"], {"case_id": case_id})]


async def threads(conn: Conn, case_id: str) -> list[Row]:
    return await rows(conn, SQL["threads"], {"case_id": case_id})


async def current_thread(conn: Conn, case_id: str, *, lock: bool = False) -> Row:
    row = await one(conn, SQL["lock_current_thread" if lock else "current_thread"], {"case_id": case_id})
    assert row is not None, f"case {case_id} has no thread"
    if lock and (await current_thread(conn, case_id))["id"] != row["id"]:
        raise RacedError("the next thread was opened while we waited for the last one's lock")
    return row


FILTERS = ("status", "desk", "workflow", "phase", "root_cause", "band", "assignee", "reference")


async def page(
    conn: Conn,
    principal: Principal,
    *,
    filters: dict[str, str | None],
    ids: Sequence[str] | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> tuple[list[Row], str | None]:
    """One page of the queue in priority order, and the cursor of the next."""
    after = _decode_cursor(cursor) if cursor else (None, None)
    found = await rows(
        conn,
        SQL["list"],
        {
            **{name: filters.get(name) for name in FILTERS},
            "all_desks": ALL_DESKS in principal.desks,
            "desks": list(principal.desks),
            "ids": list(ids) if ids is not None else None,
            "after_priority": after[0],
            "after_id": after[1],
            "limit": limit + 1,
        },
    )
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], _encode_cursor(last["priority"], str(last["id"]))


def _encode_cursor(priority: Decimal, last_id: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([str(priority), last_id]).encode()).decode()


def _decode_cursor(cursor: str) -> tuple[Decimal, str]:
    try:
        priority, last_id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return Decimal(priority), str(UUID(str(last_id)))
    except (ValueError, ArithmeticError, TypeError):
        raise InvalidRequest(
            "cursor: this is not a cursor that a page returned", fix="Use `next_cursor` of the page before, or none."
        ) from None
