"""What waits in the triggerer while people decide."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import structlog
from airflow.sdk import BaseHook
from airflow.triggers.base import BaseTrigger, TriggerEvent

from workflow_orchestration_provider import watch
from workflow_orchestration_provider.hook import Access, PlatformError, body_of

#: Seconds between a task's end by a person and the cancelling of its case. Airflow does the same for "mark failed"
#: and for "clear"; after a clear the next try takes the case over within seconds, and then our cancel is refused.
GRACE = 15.0
#: Cancels under way; the loop itself keeps no task alive.
_CANCELLING: set[asyncio.Task[None]] = set()
_logger = structlog.get_logger(__name__)


class CaseTrigger(BaseTrigger):
    """Fires when the case ends. Its arguments are ids only: they are stored, and shown to whoever reads the UI."""

    def __init__(self, case_id: str, owner: str, conn_id: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.case_id = case_id
        self.owner = owner
        self.conn_id = conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        arguments = {"case_id": self.case_id, "owner": self.owner, "conn_id": self.conn_id}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        status = await watch.of(self.conn_id).ended(self.case_id)
        yield TriggerEvent({"case_id": self.case_id, "status": status})

    async def on_kill(self) -> None:
        """A person ended the task: so ends its case, unless a newer try owns it by now.

        A task of its own: Airflow 3.3 cancels what runs here again each second until the trigger is gone.
        """
        cancelling = asyncio.create_task(self._cancel())
        _CANCELLING.add(cancelling)
        cancelling.add_done_callback(_CANCELLING.discard)
        await asyncio.shield(cancelling)

    async def _cancel(self) -> None:
        access = Access.of(await BaseHook.aget_connection(self.conn_id))
        await asyncio.sleep(GRACE)
        try:
            async with httpx.AsyncClient(**access.options()) as client:
                answer = await client.post(
                    f"/v1/cases/{self.case_id}/cancel",
                    headers=access.headers(),
                    json={"owner": self.owner, "comment": "its task was ended in Airflow"},
                )
            body_of(answer)
            _logger.info("case cancelled: its task was ended", case_id=self.case_id)
        except PlatformError as error:
            refused = error.status in (404, 409)
            say = _logger.info if refused else _logger.error
            say("case left alone" if refused else "case not cancelled", case_id=self.case_id, why=str(error))
        except (httpx.HTTPError, OSError) as error:
            _logger.error("case not cancelled: cancel it in the platform", case_id=self.case_id, why=str(error))
