"""Cases, approvals, tasks and effects as a worker would have left them, written by the store's own functions."""

from __future__ import annotations

import itertools
import uuid
from typing import Any

from tests.integration.api.live import Live
from workflow_orchestration.domain.canonical import sha256
from workflow_orchestration.domain.facts import Outcome, Tier
from workflow_orchestration.domain.roles import Principal, Role
from workflow_orchestration.store import approvals, cases, effects, lifecycle, log, tasks, threads, work
from workflow_orchestration.store.approvals import Policy, ProposalRow
from workflow_orchestration.store.db import Conn, Row
from workflow_orchestration.store.threads import Wait

DESK = Principal("u_desk", frozenset({Role.REQUESTER}), frozenset({"*"}))
POLICY = Policy(approval_minutes=60, warning_minutes=15)
_numbers = itertools.count(1)


async def open_case(conn: Conn, *, desk: str = "rates") -> Row:
    """An open case at the gate: its first run is taken away, and it may end in every way."""
    key = f"SAFE-0001/SEED-{next(_numbers)}-{uuid.uuid4().hex[:6]}"
    case, _ = await cases.open_case(
        conn,
        cases.NewCase(workflow="settlement", key=key, desk=desk, requester=DESK.id, account="SAFE-0001"),
        DESK.actor(),
    )
    await work.cancel_pending(conn, str(case["id"]), ("run",))
    await conn.execute("update cases set phase = 'AWAITING_APPROVAL' where id = %(id)s", case)
    return case


async def _proposal(conn: Conn, case: Row, thread_id: str, editable: tuple[str, ...]) -> Row:
    content = {
        "action": "CHASE",
        "params": {"note": "please match"},
        "summary": "Chase the custodian.",
        "diff": [{"field": "isin", "ours": "A", "theirs": "B"}],
        "evidence": [{"id": "e1", "source": "MT548"}],
        "steps": [],
        "editable": list(editable),
    }
    proposal = ProposalRow(
        id=str(uuid.uuid4()),
        case_id=str(case["id"]),
        thread_id=thread_id,
        action="CHASE",
        tier=Tier.T2,
        content=content,
        payload_hash=sha256(content),
        makers=("maker",),
        seen_seq=0,
    )
    await approvals.put_proposal(conn, proposal)
    await approvals.put_validations(
        conn, proposal.id, "proposal", [Outcome(validator="V09", version="1.0", outcome="PASS", detail="no hit")]
    )
    return await approvals.get_proposal(conn, proposal.id)


def case(live: Live, *, desk: str = "rates") -> str:
    async def write(conn: Conn) -> str:
        return str((await open_case(conn, desk=desk))["id"])

    return live.store(write)


def approval(
    live: Live, *, desk: str = "rates", tier: Tier = Tier.T2, editable: tuple[str, ...] = ()
) -> dict[str, Any]:
    """A pending approval with its waiting thread; requester u_desk, maker `maker`."""

    async def write(conn: Conn) -> dict[str, Any]:
        opened = await open_case(conn, desk=desk)
        thread = await cases.current_thread(conn, str(opened["id"]), lock=True)
        proposal = await _proposal(conn, opened, str(thread["id"]), editable)
        interrupt = uuid.uuid4().hex
        await threads.put_waits(conn, str(thread["id"]), [Wait(interrupt, "approval", str(proposal["id"]), 0)])
        row = await approvals.open_approval(
            conn, proposal, interrupt_id=interrupt, tier=tier, requester=DESK.id, policy=POLICY
        )
        assert row is not None
        return {"id": str(row["id"]), "case_id": str(opened["id"]), "hash": row["payload_hash"]}

    return live.store(write)


def task(live: Live, *, desk: str = "rates", role: str = "ops_analyst") -> dict[str, str]:
    """An open task that its thread waits for."""

    async def write(conn: Conn) -> dict[str, str]:
        opened = await open_case(conn, desk=desk)
        thread_id = str((await cases.current_thread(conn, str(opened["id"]), lock=True))["id"])
        row = await tasks.put(
            conn,
            case_id=str(opened["id"]),
            source=uuid.uuid4().hex,
            step="1",
            kind="info",
            role=role,
            text="Which trade is it?",
            thread_id=thread_id,
        )
        await threads.put_waits(conn, thread_id, [Wait(uuid.uuid4().hex, "task", str(row["id"]), 0)])
        return {"id": str(row["id"]), "case_id": str(opened["id"])}

    return live.store(write)


def effect(live: Live, *, desk: str = "rates", refused: bool = False) -> dict[str, str]:
    """A pending (or refused) effect that its thread waits for."""

    async def write(conn: Conn) -> dict[str, str]:
        opened = await open_case(conn, desk=desk)
        thread_id = str((await cases.current_thread(conn, str(opened["id"]), lock=True))["id"])
        row = await effects.put(
            conn,
            effects.NewEffect(
                case_id=str(opened["id"]),
                source=uuid.uuid4().hex,
                step="1",
                kind="message",
                receiver="file:x",
                type="599",
                recipient="CUSTDEFFXXX",
                payload="text",
                thread_id=thread_id,
            ),
        )
        await threads.put_waits(conn, thread_id, [Wait(uuid.uuid4().hex, "effect", str(row["id"]), 0)])
        if refused:
            await work.cancel_pending(conn, str(opened["id"]), ("deliver",))
            await effects.refuse(conn, str(row["id"]), {"rule": "kill_switch"})
        return {"id": str(row["id"]), "case_id": str(opened["id"])}

    return live.store(write)


def end(live: Live, case_id: str, status: str = "resolved") -> None:
    async def write(conn: Conn) -> None:
        thread = await cases.current_thread(conn, case_id, lock=True)
        await conn.execute("update cases set phase = 'AWAITING_APPROVAL' where id = %(id)s", {"id": case_id})
        await lifecycle.end(conn, case_id, str(thread["id"]), status, log.WORKER)

    live.store(write)


def say(live: Live, stream: str, *types: str) -> None:
    """Log entries of these types."""

    async def write(conn: Conn) -> None:
        await log.append(conn, stream, [log.Entry(t, log.WORKER, {"n": n}) for n, t in enumerate(types)])

    live.store(write)


def entries(live: Live, stream: str) -> list[Row]:
    return live.store(lambda conn: log.read(conn, stream))
