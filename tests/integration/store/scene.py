"""Small scenes of rows for tests of the store and the worker: a case, its thread, its run, a proposal, an effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from workflow_orchestration.domain.facts import Tier
from workflow_orchestration.domain.roles import Principal, Role
from workflow_orchestration.store import approvals, cases, effects, log, threads, work
from workflow_orchestration.store.approvals import Policy
from workflow_orchestration.store.db import Conn, Pool, Row, retrying, transaction

POLICY = Policy(approval_minutes=60, warning_minutes=15)
DESK = Principal("u_desk", frozenset({Role.REQUESTER}), frozenset({"equities"}))
ANN = Principal("ann", frozenset({Role.OPS_APPROVER}), frozenset({"equities"}))
BEN = Principal("ben", frozenset({Role.OPS_APPROVER}), frozenset({"equities"}))
SUE = Principal("sue", frozenset({Role.OPS_SUPERVISOR, Role.OPS_ANALYST}), frozenset({"*"}))
HASH = "sha256:" + "a" * 64


@dataclass(frozen=True)
class Opened:
    """A case as a door leaves it: open, its first thread live, its run pending."""

    case: str
    thread: str
    run: str


async def connect(url: str) -> Conn:
    """A session of a test's own, outside any pool: transactions by hand."""
    return await AsyncConnection.connect(url, autocommit=True, row_factory=dict_row)


class Scene:
    """Makes and reads rows on one pool, each call one transaction."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    async def sql(self, statement: str, **params: Any) -> list[Row]:
        async with self.pool.connection() as conn:
            cursor = await conn.execute(statement, params)
            return await cursor.fetchall() if cursor.description else []

    async def open(self, key: str | None = None, *, workflow: str = "settlement") -> Opened:
        async with transaction(self.pool) as conn:
            case, _ = await cases.open_case(
                conn,
                cases.NewCase(workflow=workflow, key=key or f"k-{uuid4()}", desk="equities", requester=DESK.id),
                DESK.actor(),
            )
        [run] = await self.sql(
            "select id, thread_id from work_items where case_id = %(c)s and kind = 'run'", c=case["id"]
        )
        return Opened(str(case["id"]), str(run["thread_id"]), str(run["id"]))

    async def item(self, item_id: str) -> Row:
        [row] = await self.sql("select *, lease_until < now() as expired from work_items where id = %(id)s", id=item_id)
        return row

    async def thread(self, thread_id: str) -> Row:
        [row] = await self.sql("select * from threads where id = %(id)s", id=thread_id)
        return row

    async def case(self, case_id: str) -> Row:
        async with self.pool.connection() as conn:
            return await cases.get(conn, case_id)

    async def entries(self, stream: str) -> list[Row]:
        async with self.pool.connection() as conn:
            return await log.read(conn, stream)

    async def claim(self, *, limit: int = 10, worker: str = "w", lease: float = 10, max_attempts: int = 5) -> list[Row]:
        async with transaction(self.pool) as conn:
            return await work.claim(conn, worker=worker, limit=limit, lease=lease, max_attempts=max_attempts)

    async def claimed(self, item_id: str) -> Row:
        """Claim what is due; this item must be among it."""
        return {str(i["id"]): i for i in await self.claim(limit=100)}[item_id]

    async def expire(self, item_id: str) -> None:
        """Let the lease run out, as when its worker died."""
        await self.sql("update work_items set lease_until = now() - interval '1 s' where id = %(id)s", id=item_id)

    async def run_done(self, opened: Opened) -> None:
        """The thread's run has ended, and nothing else."""
        await self.sql("update work_items set status = 'done' where id = %(id)s", id=opened.run)

    async def waiting(
        self,
        opened: Opened,
        kind: threads.WaitKind,
        *,
        ref: str | None = None,
        seen_seq: int = 0,
        interrupt: str | None = None,
    ) -> str:
        """Let the thread wait; returns the interrupt's id."""
        name = interrupt or uuid4().hex
        await self.run_done(opened)
        async with transaction(self.pool) as conn:
            await threads.put_waits(conn, opened.thread, [threads.Wait(name, kind, ref, seen_seq)])
        return name

    async def proposal(self, opened: Opened, *, tier: Tier = Tier.T1, makers: tuple[str, ...] = ()) -> str:
        found = approvals.ProposalRow(
            id=str(uuid4()),
            case_id=opened.case,
            thread_id=opened.thread,
            action="CHASE",
            tier=tier,
            content={"summary": "chase", "editable": ["text"]},
            payload_hash=HASH,
            makers=makers,
            seen_seq=0,
        )
        async with transaction(self.pool) as conn:
            await approvals.put_proposal(conn, found)
        return found.id

    async def approval(self, opened: Opened, *, tier: Tier = Tier.T1, policy: Policy = POLICY) -> Row:
        """A pending approval that the thread waits for."""
        proposal_id = await self.proposal(opened, tier=tier)
        interrupt = await self.waiting(opened, "approval", ref=proposal_id)
        async with transaction(self.pool) as conn:
            row = await approvals.open_approval(
                conn,
                await approvals.get_proposal(conn, proposal_id),
                interrupt_id=interrupt,
                tier=tier,
                requester=DESK.id,
                policy=policy,
            )
        assert row is not None
        return row

    async def effect(self, opened: Opened, receiver: str, **changes: Any) -> Row:
        """A pending message effect with its delivery queued."""
        new = effects.NewEffect(
            **{
                "case_id": opened.case,
                "thread_id": opened.thread,
                "source": str(uuid4()),
                "step": "send",
                "kind": "message",
                "receiver": receiver,
                "type": "599",
                "recipient": "CUSTGB2L",
                "payload": ":20:X\r\n",
                "action": "CHASE",
                "workflow": "settlement",
                **changes,
            }
        )
        async with transaction(self.pool) as conn:
            return await effects.put(conn, new)

    async def effect_now(self, effect_id: Any) -> Row:
        [row] = await self.sql("select * from effects where id = %(id)s", id=effect_id)
        return row

    async def settle(self, thread_id: str) -> bool:
        async def work_(conn: Conn) -> bool:
            return await threads.settle(conn, await threads.lock(conn, thread_id))

        return await retrying(self.pool, work_)

    async def live_runs(self, thread_id: str) -> list[Row]:
        return await self.sql(
            "select * from work_items where thread_id = %(t)s and kind = 'run' "
            "and status in ('pending', 'running') order by created_at",
            t=thread_id,
        )
