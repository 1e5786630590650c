"""What scheduled jobs look for across many cases and the whole book."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from workflow_orchestration.domain import book
from workflow_orchestration.domain.errors import NotFound
from workflow_orchestration.domain.groups import Due, of_instruction, of_trade
from workflow_orchestration.domain.records import MessageItem
from workflow_orchestration.domain.roles import Principal
from workflow_orchestration.store import cases
from workflow_orchestration.store.db import Conn, Row, one, queries, rows

SQL = queries(__file__)


async def due(conn: Conn, accounts: Sequence[str], day: date) -> list[Due]:
    """Everything of these accounts that should settle on this day, and what is known of it."""
    found = await rows(conn, SQL["due"], {"accounts": list(accounts), "day": day.isoformat()})
    keys = [row["key"] for row in found]
    trades = await _by_key(conn, "trades", [row["data"].get("trade_ref") for row in found])
    said = await _by_key(conn, "said", keys)
    in_work = await _by_key(conn, "in_work", keys)
    return [_due(row, trades, said.get(row["key"]), in_work=row["key"] in in_work) for row in found]


async def _by_key(conn: Conn, query: str, keys: Sequence[str | None]) -> dict[str, Row]:
    found = await rows(conn, SQL[query], {"keys": sorted({key for key in keys if key})})
    return {row["key"]: row for row in found}


def _due(row: Row, trades: dict[str, Row], said: Row | None, *, in_work: bool) -> Due:
    record = MessageItem.model_validate(said["record"]) if said else None
    if row["kind"] == "trade":
        line = of_trade(book.Trade.model_validate(row["data"]))
        return Due(line=line, instructed=False, said=record, in_work=in_work)
    booked = trades.get(row["data"].get("trade_ref") or "")
    trade = book.Trade.model_validate(booked["data"]) if booked else None
    line = of_instruction(book.Instruction.model_validate(row["data"]), trade)
    return Due(line=line, instructed=True, said=record, in_work=in_work)


async def penalised(conn: Conn, desk: str, *, since: datetime, until: datetime) -> list[Row]:
    return await rows(conn, SQL["penalised"], {"desk": desk, "since": since, "until": until})


async def left_to_prune(conn: Conn, *, days: int) -> int:
    row = await one(conn, SQL["left_to_prune"], {"days": days})
    assert row is not None
    return int(row["threads"])


async def progress(conn: Conn, case_id: str, principal: Principal) -> dict[str, Any]:
    """How far the groups of a sweep are, for whoever sees the sweep; groups of other desks are only counted."""
    case = await cases.get_visible(conn, case_id, principal)
    ids = case["findings"].get("job", {}).get("groups")
    if ids is None:
        raise NotFound(f"case {case_id} is no sweep that has looked", fix="Ask for a case of job sweep, once it ended.")
    found = await rows(conn, SQL["progress"], {"ids": ids})
    open_ = [row for row in found if row["status"] == "open"]
    return {
        "case_id": case["id"],
        "looked_at": case["findings"]["job"]["looked_at"],
        "groups": len(found),
        "groups_open": len(open_),
        "instructions": sum(row["instructions"] for row in found),
        "instructions_open": sum(row["instructions"] for row in open_),
        "items": [row for row in found if principal.sees(row["desk"])],
    }
