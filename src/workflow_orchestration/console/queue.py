"""The queue: what waits for this person first, then every case of their desks by priority."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from workflow_orchestration.api.auth import authorise
from workflow_orchestration.api.services import Use
from workflow_orchestration.console import views
from workflow_orchestration.console.page import page, part
from workflow_orchestration.console.session import Visitor, VisitorRoute
from workflow_orchestration.domain.cases import CaseStatus, Phase
from workflow_orchestration.domain.roles import ALL_DESKS, Operation, Principal
from workflow_orchestration.store import approvals, cases, tasks
from workflow_orchestration.store import views as rows_of
from workflow_orchestration.store.db import Conn

router = APIRouter(route_class=VisitorRoute, include_in_schema=False)
_PAGE = 25
#: Choices of each filter; a filter without any takes free text.
_OPTIONS = {"desk": (), "band": ("P1", "P2", "P3", "P4"), "phase": tuple(Phase), "status": tuple(CaseStatus)}


@dataclass(frozen=True)
class Wanted:
    """What the address asks for: filters by name, and the cursor of a page."""

    filters: dict[str, str] = field(default_factory=dict)
    cursor: str | None = None

    @classmethod
    def of(cls, request: Request) -> Wanted:
        asked = request.query_params
        filters = {name: asked.get(name, "").strip() for name in _OPTIONS}
        if "status" not in asked:
            filters["status"] = CaseStatus.OPEN
        return cls(filters, asked.get("cursor") or None)

    def query(self, cursor: str | None = None) -> str:
        return urlencode({**self.filters, **({"cursor": cursor} if cursor else {})})

    @property
    def narrowed(self) -> bool:
        return any(text for name, text in self.filters.items() if (name, text) != ("status", CaseStatus.OPEN))


@router.get("/queue")
async def queue(request: Request, services: Use, visitor: Visitor) -> Response:
    wanted = Wanted.of(request)
    context = await services.read(lambda conn: _context(conn, visitor, wanted))
    return page(request, "queue.html", section="queue", filters=_filters(wanted, visitor), **context)


@router.get("/queue/live")
async def live(request: Request, services: Use, visitor: Visitor) -> Response:
    wanted = Wanted.of(request)
    return part("_queue.html", **await services.read(lambda conn: _context(conn, visitor, wanted)))


async def _context(conn: Conn, visitor: Principal, wanted: Wanted) -> dict[str, Any]:
    authorise(visitor, Operation.CASE_READ)
    filters: dict[str, str | None] = {name: text or None for name, text in wanted.filters.items()}
    found, cursor = await cases.page(conn, visitor, filters=filters, cursor=wanted.cursor, limit=_PAGE)
    pending = await approvals.page(conn, visitor, state="pending")
    to_do = await tasks.page(conn, visitor, state="open")
    return {
        "cases": [views.toned(case, "status") for case in found], "mine": _mine(pending, visitor),
        "tasks": [task for task in to_do if task["role"] in visitor.roles],
        "query": wanted.query(wanted.cursor), "first_query": wanted.query(), "later": wanted.cursor is not None,
        "next": wanted.query(cursor) if cursor else None, "filtered": wanted.narrowed,
    }  # fmt: skip


def _mine(pending: list[dict[str, Any]], visitor: Principal) -> list[dict[str, Any]]:
    """Those of the pending approvals on which this person may decide."""
    asked = [{**a, "content": {}} for a in pending]
    mine = [a for a in asked if rows_of.allowed_decisions(a, a["deciders"], visitor)]
    return [{**rows_of.summary(a), "given": len(a["deciders"])} for a in mine]


def _filters(wanted: Wanted, visitor: Principal) -> list[dict[str, Any]]:
    options = dict(_OPTIONS)
    if ALL_DESKS not in visitor.desks:
        options["desk"] = tuple(sorted(visitor.desks))
    return [{"name": name, "options": options[name], "value": wanted.filters[name]} for name in options]
