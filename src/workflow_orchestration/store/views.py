"""What people see of a case and of an approval: its rows put together, nothing computed anew."""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_args

from workflow_orchestration.domain.decisions import Verb
from workflow_orchestration.domain.facts import Tier
from workflow_orchestration.domain.roles import ALL_DESKS, QUORUMS, Operation, Principal
from workflow_orchestration.store import approvals, cases, effects, log, tasks
from workflow_orchestration.store.db import Conn, Row, one, rows

#: More rows of one kind than any case has; a longer list is read through its own endpoint.
_MANY = 500


async def case(conn: Conn, case_id: str, principal: Principal) -> Row:
    """One case with everything known about it."""
    row = await cases.get_visible(conn, case_id, principal)
    threads = await cases.threads(conn, case_id)
    proposal = await _proposal(conn, str(threads[-1]["id"]))
    content = proposal["content"] if proposal else {}
    return {
        **row,
        "threads": threads,
        "references": await cases.references(conn, case_id),
        "proposal": proposal,
        "commentary": content.get("commentary") or row["findings"].get("agents"),
        "diff": content.get("diff") or (row["findings"].get("assessment") or {}).get("diff") or [],
        "items": await cases.items(conn, case_id),
        "approvals": await _approvals_of(conn, case_id, principal),
        "effects": await effects.page(conn, principal, case_id=case_id, limit=_MANY),
        "tasks": await tasks.page(conn, principal, case_id=case_id, limit=_MANY),
    }


async def _proposal(conn: Conn, thread_id: str) -> Row | None:
    row = await one(conn, approvals.SQL["proposal_of_thread"], {"thread_id": thread_id})
    if row is None:
        return None
    return {**row, "validations": await approvals.validations(conn, str(row["id"]))}


async def _approvals_of(conn: Conn, case_id: str, principal: Principal) -> list[Row]:
    decisions = await rows(conn, approvals.SQL["decisions_of_case"], {"case_id": case_id})
    found = await approvals.page(conn, principal, case_id=case_id, limit=_MANY)
    return [
        {**summary(a), "decisions": [_decision(d) for d in decisions if d["approval_id"] == a["id"]]}
        for a in sorted(found, key=lambda a: a["opened_at"])
    ]


def summary(approval: Row) -> Row:
    """An approval's row with what its tier needs."""
    quorum = QUORUMS[Tier(approval["tier"])]
    return {
        **approval,
        "needed": quorum.needed,
        "required_roles": sorted(quorum.roles),
        "one_of_roles": sorted(quorum.one_of),
    }


def _decision(row: Row) -> Row:
    body = row["body"]
    return {
        "actor": row["actor"],
        "roles": row["roles"],
        "decision": row["decision"],
        "at": row["at"],
        "reason_code": body.get("reason_code"),
        "comment": body.get("comment"),
        "edited_params": body.get("edited_params"),
    }


async def approval(conn: Conn, approval_id: str, principal: Principal) -> Row:
    """One approval with everything that is shown to whoever decides."""
    row = await approvals.get_visible(conn, approval_id, principal)
    decisions = await approvals.decisions(conn, approval_id)
    content: dict[str, Any] = row["content"]
    case_row = await cases.get(conn, str(row["case_id"]))
    return {
        **summary(row),
        "summary": content.get("summary"),
        "params": content.get("params") or {},
        "diff": content.get("diff") or [],
        "evidence": content.get("evidence") or [],
        "editable": content.get("editable") or [],
        "commentary": content.get("commentary"),
        "validations": await approvals.validations(conn, str(row["proposal_id"])),
        "decisions": [_decision(d) for d in decisions],
        "cutoff_at": case_row["cutoff_at"],
        "band": case_row["band"],
        "priority": case_row["priority"],
        "allowed_decisions": allowed_decisions(row, [d["actor"] for d in decisions], principal),
    }


def allowed_decisions(approval: Row, deciders: list[str], principal: Principal) -> list[str]:
    """What this person may answer now; the door itself (decide.py) checks again."""
    barred = {approval["requester"], *approval["makers"], *deciders}
    if approval["state"] != "pending" or principal.id in barred:
        return []
    if not (principal.may(Operation.APPROVAL_DECIDE) and principal.roles & QUORUMS[Tier(approval["tier"])].roles):
        return []
    return [verb for verb in get_args(Verb) if verb != "edit" or approval["content"].get("editable")]


async def log_page(conn: Conn, case_id: str, principal: Principal, *, after: int, limit: int) -> Row:
    """A page of a case's log, and the number after which the next one begins."""
    await cases.get_visible(conn, case_id, principal)
    found = await log.read(conn, case_id, after=after, limit=limit)
    return {"items": [log.as_told(row) for row in found], "next": found[-1]["seq"] if len(found) == limit else None}


async def shadow(conn: Conn, principal: Principal, *, since: datetime) -> list[Row]:
    """How often agents in shadow mode would have done what people decided, by desk and action."""
    desks = {"all_desks": ALL_DESKS in principal.desks, "desks": list(principal.desks)}
    return await rows(conn, log.SQL["compared"], {"since": since, **desks})
