"""A case's log as server-sent events, and waiting for a case to end: both read the database, woken by a bell.

Entries are read a page at a time and never queued, so a stream holds one page whatever the reader's speed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import psycopg
import structlog
from sse_starlette.event import ServerSentEvent

from workflow_orchestration.api.services import Services
from workflow_orchestration.domain.canonical import canonical
from workflow_orchestration.domain.errors import NotFound
from workflow_orchestration.domain.roles import Principal
from workflow_orchestration.store import cases, log
from workflow_orchestration.store.db import Row

_PAGE = 100
#: A piece of an agent's answer while it is written. No rule has looked at it yet: it is for patience, not for use.
WRITING = "agent.token"
#: A wake-up may be lost (it is not part of the commit): look anyway after this long.
_POLL_SECONDS = 2.0
_logger = structlog.get_logger(__name__)


def event(row: Row) -> ServerSentEvent:
    """An entry as the API's stream shows it; the pages have a form of their own."""
    return ServerSentEvent(canonical(log.as_told(row)).decode(), event=row["type"], id=str(row["seq"]))


async def follow(
    services: Services,
    case_id: str,
    principal: Principal,
    *,
    after: int,
    until: float,
    show: Callable[[Row], ServerSentEvent] = event,
    aloud: bool = False,
) -> AsyncIterator[ServerSentEvent]:
    """Every entry after a number, live, until the case has ended; `until` is when the reader's token expires.

    `show` is how an entry is told: as JSON, or by a page as HTML. `aloud`: what agents are writing just now comes
    between the entries, without a number; the entry that follows has it whole, and checked.
    """
    with services.bell.hear(case_id) as rung, services.overheard.of(case_id) as whispers:
        services.metrics.streams.inc()
        try:
            while not services.stopping.is_set() and time.time() < until:
                rung.clear()
                found, ended = await _page(services, case_id, principal, after)
                for row in found:
                    after = row["seq"]
                    yield show(row)
                if len(found) == _PAGE:
                    continue
                while aloud and whispers and not ended:
                    yield ServerSentEvent(canonical(whispers.popleft()).decode(), event=WRITING)
                if ended:
                    yield ServerSentEvent("{}", event="end")
                    return
                await _wait(rung, _POLL_SECONDS)
        finally:
            services.metrics.streams.dec()


async def _page(services: Services, case_id: str, principal: Principal, after: int) -> tuple[list[Row], bool]:
    """A page, and whether the case had ended when it was read; a case that went to another desk ends here."""
    try:
        found, is_open = await services.read(
            lambda conn: cases.followed(conn, case_id, principal, after=after, limit=_PAGE)
        )
        return found, not is_open
    except NotFound:
        return [], True
    except psycopg.OperationalError as error:
        _logger.warning("event stream waits for the database", case_id=case_id, error=str(error))
        return [], False


async def until_ended(services: Services, case_id: str, principal: Principal, *, seconds: float) -> None:
    """Return when the case has ended, or after `seconds`; at once when the process stops."""
    deadline = time.monotonic() + seconds
    with services.bell.hear(case_id) as rung:
        while not services.stopping.is_set():
            rung.clear()
            case = await services.read(lambda conn: cases.get_visible(conn, case_id, principal))
            left = deadline - time.monotonic()
            if case["status"] != "open" or left <= 0:
                return
            await _wait(rung, min(left, _POLL_SECONDS))


async def _wait(rung: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(rung.wait(), seconds)
