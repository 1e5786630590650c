"""The log as NDJSON: a page at a time, so that a slow reader holds neither memory nor a connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from uuid import UUID

from workflow_orchestration.api.services import Services
from workflow_orchestration.domain.canonical import canonical
from workflow_orchestration.domain.errors import Forbidden, NotFound
from workflow_orchestration.domain.roles import ALL_DESKS, Principal
from workflow_orchestration.store import cases, log

_PAGE = 500
#: Transactions are short (the session's timeouts see to it): by then all that could still write have ended.
_PATIENCE_SECONDS = 10.0
_LOOK_SECONDS = 0.1


def check_all_desks(principal: Principal) -> None:
    """A period's log, and the stream `system`, speak of every desk."""
    if ALL_DESKS not in principal.desks:
        raise Forbidden(
            "this spans all desks, and your token names some",
            fix=f"Use a token with desk `{ALL_DESKS}`, or read case by case.",
        )


async def check_stream(services: Services, principal: Principal, stream: str | None) -> None:
    if stream is None or stream == log.SYSTEM:
        check_all_desks(principal)
        return
    try:
        case_id = str(UUID(stream))
    except ValueError:
        raise NotFound(f"there is no stream {stream!r}") from None
    await services.read(lambda conn: cases.get_visible(conn, case_id, principal))


async def settled(services: Services, end: datetime) -> bool:
    """Wait until nobody can write into the period any more; False when it has not ended, or somebody still may."""
    mark = await services.read(lambda conn: log.horizon(conn, end))
    if mark is None:
        return False
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not await services.read(lambda conn: log.passed(conn, mark)):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_LOOK_SECONDS)
    return True


async def case(services: Services, case_id: str, *, after: int) -> AsyncIterator[bytes]:
    while True:
        found = await services.read(partial(log.read, stream=case_id, after=after, limit=_PAGE))
        for row in found:
            yield canonical(log.as_told(row)) + b"\n"
        if len(found) < _PAGE:
            return
        after = found[-1]["seq"]


async def period(services: Services, start: datetime, end: datetime, *, complete: bool) -> AsyncIterator[bytes]:
    count, after = 0, None
    while True:
        found, after = await services.read(partial(log.period_page, start=start, end=end, after=after, limit=_PAGE))
        for row in found:
            yield canonical(log.as_told(row)) + b"\n"
        count += len(found)
        if after is None:
            break
    yield canonical({"trailer": True, "from": start, "to": end, "count": count, "complete": complete}) + b"\n"
