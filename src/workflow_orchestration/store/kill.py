"""Kill switches: stop effects at once, for all, for a workflow or for an action; they survive restarts."""

from __future__ import annotations

import re

from workflow_orchestration.domain.errors import InvalidRequest
from workflow_orchestration.domain.roles import Principal
from workflow_orchestration.store import log
from workflow_orchestration.store.db import Conn, Row, one, queries, rows

SQL = queries(__file__)
_SCOPE = re.compile(r"all|workflow:[a-z][a-z0-9_]*|action:[A-Z][A-Z_]*")


async def put(conn: Conn, scope: str, *, engaged: bool, reason: str, principal: Principal) -> Row:
    """Engage or release a switch. Deliveries already at the receiver cannot be called back."""
    if not _SCOPE.fullmatch(scope):
        raise InvalidRequest(f"scope: {scope!r} is none", fix="Use all, workflow:<name> or action:<NAME>.")
    row = await one(conn, SQL["put"], {"scope": scope, "engaged": engaged, "reason": reason, "by": principal.id})
    assert row is not None
    await log.append(
        conn,
        log.SYSTEM,
        [
            log.Entry(
                "kill_switch.engaged" if engaged else "kill_switch.released",
                principal.actor(),
                {"scope": scope, "reason": reason},
            )
        ],
    )
    return row


async def engaged(conn: Conn, *, workflow: str, action: str) -> Row | None:
    """The switch that forbids this action of this workflow now, if any."""
    return await one(conn, SQL["engaged"], {"scopes": ["all", f"workflow:{workflow}", f"action:{action}"]})


async def page(conn: Conn) -> list[Row]:
    return await rows(conn, SQL["list"])
