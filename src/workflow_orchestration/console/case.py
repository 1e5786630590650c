"""One case: where it stands, what is proposed and why, what was checked, and what has happened so far."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from workflow_orchestration.api.auth import authorise
from workflow_orchestration.api.services import Use
from workflow_orchestration.console import forms, views
from workflow_orchestration.console.page import page, part
from workflow_orchestration.console.session import Visitor, VisitorRoute
from workflow_orchestration.domain.roles import Operation, Principal
from workflow_orchestration.store import log
from workflow_orchestration.store import views as rows_of
from workflow_orchestration.store.db import Conn, Row

router = APIRouter(route_class=VisitorRoute, include_in_schema=False)
#: Entries a page begins with; a longer log is read through the API.
_LOG_SHOWN = 500


@router.get("/cases/{case_id}")
async def case_page(case_id: UUID, request: Request, services: Use, visitor: Visitor) -> Response:
    return page(request, "case.html", **await services.read(lambda conn: _whole(conn, str(case_id), visitor)))


@router.get("/cases/{case_id}/live")
async def live(case_id: UUID, services: Use, visitor: Visitor, shown: str = "none") -> Response:
    """The parts that follow what happens; never the proposal, which changes under nobody's eyes."""
    row = await services.read(lambda conn: _case(conn, str(case_id), visitor))
    return part("_case_update.html", **_standing(row, visitor), stale=_stale(row, shown))


async def _case(conn: Conn, case_id: str, visitor: Principal) -> Row:
    authorise(visitor, Operation.CASE_READ)
    return await rows_of.case(conn, case_id, visitor)


async def _whole(conn: Conn, case_id: str, visitor: Principal) -> dict[str, Any]:
    row = await _case(conn, case_id, visitor)
    pending = _pending(row)
    asked = await rows_of.approval(conn, str(pending["id"]), visitor) if pending else None
    proposal = row["proposal"]
    content = views.proposal(proposal["content"] if proposal else None)
    assessment = row["findings"].get("assessment", {})
    entries = await _newest_entries(conn, case_id)
    return {
        **_standing(row, visitor), "stale": None, "proposal": content, "findings": views.findings(row["findings"]),
        "notes": assessment.get("notes", []), "warnings": views.warnings(assessment, row["commentary"]),
        "diff": views.diff(row["diff"] or assessment.get("diff", []), proposed=content is not None),
        "checks": views.checks(proposal["validations"], proposal["content"].get("gates", {})) if proposal else [],
        "evidence": views.evidence(content, row["items"]), "commentary": row["commentary"],
        "entries": entries, "fresh": False,
        "last_seq": entries[-1]["seq"] if entries else 0, **_asked(asked, content, visitor),
    }  # fmt: skip


async def _newest_entries(conn: Conn, case_id: str) -> list[Row]:
    last = (await log.newest(conn, [case_id])).get(case_id, 0)
    return await log.read(conn, case_id, after=max(0, last - _LOG_SHOWN), limit=_LOG_SHOWN)


def _standing(row: Row, visitor: Principal) -> dict[str, Any]:
    content = row["proposal"]["content"] if row["proposal"] else {}
    return {
        "case": views.toned(row, "status"), "penalty": content.get("penalty_per_day"),
        "approvals": [views.approval(a) for a in reversed(row["approvals"])], "tasks": row["tasks"],
        "effects": [views.toned(e) for e in row["effects"] if e["kind"] == "message"],
        "may": {"complete": visitor.may(Operation.TASK_COMPLETE), "manage": visitor.may(Operation.EFFECT_MANAGE)},
    }  # fmt: skip


def _asked(approval: Row | None, content: Row | None, visitor: Principal) -> dict[str, Any]:
    """The decision form: the pending approval, and what of it this person may change."""
    if approval is None or content is None:
        return {"approval": None}
    return {
        "approval": {**views.approval(approval), "hindrance": views.hindrance(approval, visitor)},
        "edits": forms.edits(approval["action"], approval["params"], approval["editable"]),
        "reasons": forms.REASONS, "ask_roles": forms.ASK_ROLES,
    }  # fmt: skip


def _pending(row: Row) -> Row | None:
    return next((a for a in row["approvals"] if a["state"] == "pending"), None)


def _stale(row: Row, shown: str) -> str | None:
    """What to say when the approval shown is no longer the one that waits."""
    pending = _pending(row)
    now = str(pending["id"]) if pending else "none"
    if now == shown:
        return None
    if shown == "none":
        return "A decision is asked for now."
    if pending:
        return "What this page shows was replaced by a newer approval."
    return "The approval on this page is closed."
