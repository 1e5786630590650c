"""Effects: a row before it is an act. The unique key (source, step) is also the receiver's Idempotency-Key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from workflow_orchestration.domain.canonical import canonical, sha256
from workflow_orchestration.domain.errors import NotFound
from workflow_orchestration.domain.roles import ALL_DESKS, Principal
from workflow_orchestration.store import work
from workflow_orchestration.store.db import Conn, Row, jsonb, new_id, one, queries, rows

SQL = queries(__file__)


@dataclass(frozen=True)
class NewEffect:
    case_id: str
    #: The approval's id (the proposal's at T0): with `step` the key under which it happens once.
    source: str
    step: str
    kind: Literal["message", "webhook"]
    receiver: str
    type: str
    recipient: str
    payload: str
    thread_id: str | None = None
    proposal_id: str | None = None
    action: str = ""
    workflow: str = ""
    seen_seq: int = 0


def idempotency_key(effect: Row) -> str:
    """What a receiver sees in `Idempotency-Key`: the same for every try of one effect."""
    return f"{effect['source']}:{effect['step']}"


async def put(conn: Conn, effect: NewEffect) -> Row:
    """Write an effect once, with the item that delivers it; a second call returns the first one's row."""
    fresh = await one(
        conn, SQL["insert"], {**vars(effect), "id": new_id(), "payload_sha": sha256(effect.payload.encode())}
    )
    if fresh is not None:
        await work.insert(
            conn, "deliver", case_id=effect.case_id, thread_id=effect.thread_id, effect_id=str(fresh["id"])
        )
    row = await one(conn, SQL["by_key"], {"source": effect.source, "step": effect.step})
    assert row is not None
    return row


async def put_webhooks(conn: Conn, urls: Sequence[str], event: str, case_id: str, data: dict[str, Any]) -> None:
    """Queue a signed event for every webhook; delivered like any other effect."""
    event_id = new_id()
    body = canonical({"id": event_id, "type": event, "case_id": case_id, "data": data}).decode()
    for n, url in enumerate(urls):
        await put(
            conn,
            NewEffect(
                case_id=case_id,
                source=f"webhook:{event_id}",
                step=str(n),
                kind="webhook",
                receiver=url,
                type=event,
                recipient=url,
                payload=body,
            ),
        )


async def get_visible(conn: Conn, effect_id: str, principal: Principal) -> Row:
    row = await one(conn, SQL["get"], {"id": effect_id})
    if row is None or not principal.sees(row["desk"]):
        raise NotFound(f"there is no effect {effect_id}")
    return row


async def lock(conn: Conn, effect_id: str) -> Row:
    row = await one(conn, SQL["lock"], {"id": effect_id})
    assert row is not None
    return row


async def count_try(conn: Conn, effect_id: str) -> None:
    await conn.execute(SQL["count_try"], {"id": effect_id})


async def failed(conn: Conn, effect_id: str, error: str) -> None:
    await conn.execute(SQL["failed"], {"id": effect_id, "error": error})


async def delivered(conn: Conn, effect_id: str, receipt: dict[str, Any]) -> None:
    """The receiver has it: true whatever the row said before."""
    await conn.execute(SQL["delivered"], {"id": effect_id, "receipt": jsonb(receipt)})


async def refuse(conn: Conn, effect_id: str, refusal: dict[str, Any]) -> None:
    await conn.execute(SQL["refuse"], {"id": effect_id, "refusal": jsonb(refusal)})


async def set_state(conn: Conn, effect_id: str, state: Literal["pending", "cancelled"]) -> None:
    await conn.execute(SQL["set_state"], {"id": effect_id, "state": state})


async def cancel_of_thread(conn: Conn, thread_id: str) -> None:
    await conn.execute(SQL["cancel_of_thread"], {"thread_id": thread_id})


async def open_of_case(conn: Conn, case_id: str) -> list[str]:
    return [str(r["id"]) for r in await rows(conn, SQL["open_of_case"], {"case_id": case_id})]


async def delivered_of_case(conn: Conn, case_id: str) -> list[Row]:
    return await rows(conn, SQL["delivered_of_case"], {"case_id": case_id})


async def page(
    conn: Conn,
    principal: Principal,
    *,
    state: str | None = None,
    kind: str | None = None,
    case_id: str | None = None,
    limit: int = 100,
) -> list[Row]:
    return await rows(
        conn,
        SQL["list"],
        {
            "all_desks": ALL_DESKS in principal.desks,
            "desks": list(principal.desks),
            "state": state,
            "kind": kind,
            "case_id": case_id,
            "limit": limit,
        },
    )
