"""Proposals, approvals and decisions as rows. The door through which people decide is `decide` in decide.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workflow_orchestration.domain.errors import NotFound
from workflow_orchestration.domain.facts import Outcome, Tier
from workflow_orchestration.domain.roles import ALL_DESKS, QUORUMS, Principal
from workflow_orchestration.store import effects, log, work
from workflow_orchestration.store.db import Conn, Row, jsonb, new_id, one, queries, rows

SQL = queries(__file__)


@dataclass(frozen=True)
class Policy:
    """The settings that opening an approval needs, the same for api and worker."""

    approval_minutes: int
    warning_minutes: int
    webhook_urls: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProposalRow:
    """A proposal as stored. `id` is uuid5(thread, task): a replayed node writes the same row again."""

    id: str
    case_id: str
    thread_id: str
    action: str
    tier: Tier
    #: What is shown and hashed, complete; `payload_hash` is over the part that binds.
    content: dict[str, Any]
    payload_hash: str
    makers: tuple[str, ...]
    seen_seq: int


async def put_proposal(conn: Conn, proposal: ProposalRow) -> None:
    await conn.execute(
        SQL["insert_proposal"],
        {
            **vars(proposal),
            "content": jsonb(proposal.content),
            "makers": list(proposal.makers),
            "tier": proposal.tier.value,
        },
    )


async def get_proposal(conn: Conn, proposal_id: str) -> Row:
    row = await one(conn, SQL["get_proposal"], {"id": proposal_id})
    if row is None:
        raise NotFound(f"there is no proposal {proposal_id}")
    return row


async def put_validations(conn: Conn, proposal_id: str, stage: str, outcomes: Sequence[Outcome]) -> None:
    if outcomes:
        params = {"proposal_id": proposal_id, "stage": stage, "outcomes": jsonb(list(outcomes))}
        await conn.execute(SQL["put_validations"], params)


async def validations(conn: Conn, proposal_id: str) -> list[Row]:
    return await rows(conn, SQL["validations"], {"proposal_id": proposal_id})


async def open_approval(
    conn: Conn, proposal: Row, *, interrupt_id: str, tier: Tier, requester: str, policy: Policy
) -> Row | None:
    """Open the approval an interrupt waits for, with its timers and events; None when one is pending already."""
    row = await one(
        conn,
        SQL["insert"],
        {
            "id": new_id(),
            "case_id": proposal["case_id"],
            "thread_id": proposal["thread_id"],
            "proposal_id": proposal["id"],
            "interrupt_id": interrupt_id,
            "payload_hash": proposal["payload_hash"],
            "tier": tier.value,
            "requester": requester,
            "makers": list(proposal["makers"]),
            "minutes": policy.approval_minutes,
        },
    )
    if row is None:
        return None
    case_id, approval_id = str(row["case_id"]), str(row["id"])
    await conn.execute(SQL["name_successor"], {"successor": row["id"], "thread_id": row["thread_id"]})
    for what, seconds in (
        ("approval_expiring", max(0, policy.approval_minutes - policy.warning_minutes) * 60),
        ("approval_expiry", policy.approval_minutes * 60),
    ):
        await work.insert_in(
            conn, "deadline", seconds=seconds, case_id=case_id, payload={"what": what, "ref": approval_id}
        )
    said = {
        "approval_id": approval_id,
        "tier": tier.value,
        "needed": QUORUMS[tier].needed,
        "payload_hash": row["payload_hash"],
        "proposal_id": str(proposal["id"]),
        "expires_at": row["expires_at"],
    }
    await effects.put_webhooks(conn, policy.webhook_urls, "approval.opened", case_id, said)
    await log.append(conn, case_id, [log.Entry("approval.opened", log.WORKER, said)])
    return row


async def get(conn: Conn, approval_id: str) -> Row:
    row = await one(conn, SQL["get"], {"id": approval_id})
    if row is None:
        raise NotFound(f"there is no approval {approval_id}")
    return row


async def get_visible(conn: Conn, approval_id: str, principal: Principal) -> Row:
    row = await get(conn, approval_id)
    if not principal.sees(row["desk"]):
        raise NotFound(f"there is no approval {approval_id}")
    return row


async def lock(conn: Conn, approval_id: str) -> Row:
    row = await one(conn, SQL["lock"], {"id": approval_id})
    assert row is not None
    return row


async def set_state(
    conn: Conn, approval_id: str, state: str, *, what: str | None = None, by: str | None = None
) -> None:
    await conn.execute(SQL["set_state"], {"id": approval_id, "state": state, "what": what, "by": by})


async def supersede_pending(conn: Conn, interrupt_id: str, what: str) -> Row | None:
    """Withdraw the interrupt's pending approval; the next one of the thread is named its successor."""
    row = await one(conn, SQL["lock_pending"], {"interrupt_id": interrupt_id})
    if row is None:
        return None
    await set_state(conn, str(row["id"]), "superseded", what=what)
    await log.append(
        conn,
        str(row["case_id"]),
        [log.Entry("approval.superseded", log.WORKER, {"approval_id": str(row["id"]), "by_what": what})],
    )
    return row


async def cancel_of_thread(conn: Conn, thread_id: str) -> None:
    await conn.execute(SQL["cancel_of_thread"], {"thread_id": thread_id})


async def decisions(conn: Conn, approval_id: str) -> list[Row]:
    return await rows(conn, SQL["decisions"], {"approval_id": approval_id})


async def page(
    conn: Conn, principal: Principal, *, state: str | None = None, case_id: str | None = None, limit: int = 100
) -> list[Row]:
    """Approvals a principal's desks may see, soonest deadline first."""
    return await rows(
        conn,
        SQL["list"],
        {
            "all_desks": ALL_DESKS in principal.desks,
            "desks": list(principal.desks),
            "state": state,
            "case_id": case_id,
            "limit": limit,
        },
    )


async def hash_approved(conn: Conn, approval_id: str) -> str | None:
    """The hash people approved under this approval; None when they have not."""
    row = await one(conn, SQL["hash_approved"], {"id": approval_id})
    return row["payload_hash"] if row else None
