"""Deliver one effect: judge, send, record, each in its own commit, so that a crash in between only repeats the send
with the same key.

Just before sending, the rules that can go stale run again: kill switches and the action's delivery gates. Tries
are counted on the effect and back off; after 24 hours of them it is refused: visible, with retry and cancel.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from workflow_orchestration.domain.errors import DeliveryFailed
from workflow_orchestration.store import approvals, effects, kill, log, threads, work
from workflow_orchestration.store.db import Conn, Pool, Row, retrying
from workflow_orchestration.store.notify import WORK, Notifier
from workflow_orchestration.worker import receivers
from workflow_orchestration.workflows.registry import WORKFLOWS

_FIRST_DELAY, _LONGEST_DELAY = 1.0, 900.0


@dataclass(frozen=True)
class Deliverer:
    pool: Pool
    notifier: Notifier
    client: httpx.AsyncClient
    policy: approvals.Policy
    retry_hours: float
    webhook_secret: str | None = None

    async def run(self, item: Row) -> None:
        """Deliver the effect of a claimed item once, now; or refuse it, or put it off."""
        effect = await retrying(self.pool, lambda conn: self._judge(conn, item))
        if effect is not None:
            await self._send(item, effect)
        self.notifier.wake(str(item["case_id"]), WORK)

    async def _judge(self, conn: Conn, item: Row) -> Row | None:
        """The effect, with this try counted, if it may leave now; else the item is done."""
        effect = await self._lock(conn, item)
        if effect["state"] != "pending":
            await work.finish(conn, str(item["id"]), item["epoch"])
            return None
        refusal = await self._forbidden(conn, effect)
        if refusal is None:
            await effects.count_try(conn, str(effect["id"]))
            return effect
        receipt = receivers.find(effect) if effect["tries"] else None
        if receipt is not None:  # an earlier try had reached it: say what is true
            await self._delivered(conn, item, effect, receipt)
        else:
            await self._refused(conn, item, effect, {**refusal, "in_doubt": receivers.in_doubt(effect)})
        return None

    async def _lock(self, conn: Conn, item: Row) -> Row:
        """Item, thread, effect: in this order, like everybody."""
        await work.lock(conn, str(item["id"]), item["epoch"])
        if item["thread_id"] is not None:
            await threads.lock(conn, str(item["thread_id"]))
        return await effects.lock(conn, str(item["effect_id"]))

    async def _forbidden(self, conn: Conn, effect: Row) -> dict[str, Any] | None:
        """The rule that forbids this delivery now, if one does."""
        if effect["now"] - effect["retry_from"] > timedelta(hours=self.retry_hours):  # no clock but the database's
            return {
                "rule": "retries",
                "detail": f"not delivered in {self.retry_hours:g} h; last: {effect['last_error']}",
            }
        if effect["kind"] == "webhook":
            return None
        switch = await kill.engaged(conn, workflow=effect["workflow"], action=effect["action"])
        if switch is not None:
            return {"rule": "kill switch", "detail": f"{switch['scope']}: {switch['reason']}"}
        blocked = await WORKFLOWS[effect["workflow"]].check_delivery(conn, effect)
        if blocked:
            return {"rule": blocked[0].validator, "detail": "; ".join(f"{o.validator}: {o.detail}" for o in blocked)}
        return None

    async def _send(self, item: Row, effect: Row) -> None:
        try:
            receipt = await receivers.deliver(effect, self.client, webhook_secret=self.webhook_secret)
        except DeliveryFailed as error:
            failure = error.detail
            await retrying(self.pool, lambda conn: self._put_off(conn, item, effect, failure))
            return

        async def record(conn: Conn) -> None:
            await self._lock(conn, item)
            await self._delivered(conn, item, effect, receipt)

        await retrying(self.pool, record)

    async def _put_off(self, conn: Conn, item: Row, effect: Row, error: str) -> None:
        """Try again later; no attempt of the item is charged, the effect's tries are what counts."""
        await self._lock(conn, item)
        await effects.failed(conn, str(effect["id"]), error)
        delay = min(_FIRST_DELAY * 2 ** min(effect["tries"], 20), _LONGEST_DELAY) * random.uniform(0.8, 1.2)  # noqa: S311
        await work.release(conn, str(item["id"]), item["epoch"], charge=False, delay=delay, error=error)

    async def _delivered(self, conn: Conn, item: Row, effect: Row, receipt: dict[str, Any]) -> None:
        await effects.delivered(conn, str(effect["id"]), receipt)
        await self._conclude(
            conn, item, effect, log.Entry("effect.delivered", log.WORKER, {**_named(effect), "receipt": receipt})
        )

    async def _refused(self, conn: Conn, item: Row, effect: Row, refusal: dict[str, Any]) -> None:
        await effects.refuse(conn, str(effect["id"]), refusal)
        said = {**_named(effect), **refusal}
        if effect["kind"] == "message":
            await effects.put_webhooks(conn, self.policy.webhook_urls, "effect.refused", str(effect["case_id"]), said)
        await self._conclude(conn, item, effect, log.Entry("effect.refused", log.WORKER, said))

    async def _conclude(self, conn: Conn, item: Row, effect: Row, entry: log.Entry) -> None:
        await work.finish(conn, str(item["id"]), item["epoch"])
        if item["thread_id"] is not None:
            await threads.settle(conn, await threads.lock(conn, str(item["thread_id"])))
        await log.append(conn, str(effect["case_id"]), [entry])


def _named(effect: Row) -> dict[str, Any]:
    return {
        "effect_id": str(effect["id"]),
        "key": effects.idempotency_key(effect),
        "type": effect["type"],
        "action": effect["action"],
        "payload_sha": effect["payload_sha"],
    }
