"""The queue as a state machine: whatever claims, beats, crashes, drains and finishes are mixed, on a real database.

The model knows who may write: the last claimer of an item, as long as nobody claimed or released it since.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from workflow_orchestration.domain.errors import LeaseLost
from workflow_orchestration.store import cases, work
from workflow_orchestration.store.db import make_pool

_MAX_ATTEMPTS = 3
_ACTOR = {"type": "service", "id": "test"}


class Queue(RuleBasedStateMachine):
    """Every claim stays in `claims` for ever: late writers are the point."""

    url = ""
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.pool = make_pool(self.url, size=1, name="machine")
        self._do(self.pool.open())
        self._sql("update work_items set status = 'cancelled' where status in ('pending', 'running')")
        #: item -> the epoch that owns it now; gone when finished.
        self.owners: dict[str, int] = {}
        self.finished: set[str] = set()
        self.charged: dict[str, int] = {}
        self.number = 0

    def teardown(self) -> None:
        self._do(self.pool.close())
        self.runner.close()

    def _do(self, work_: Any) -> Any:
        return self.runner.run(work_)

    def _sql(self, statement: str, **params: Any) -> list[dict[str, Any]]:
        async def run() -> list[dict[str, Any]]:
            async with self.pool.connection() as conn:
                cursor = await conn.execute(statement, params)
                return await cursor.fetchall() if cursor.description else []

        return self._do(run())  # type: ignore[no-any-return]

    def _in_transaction(self, function: Any) -> Any:
        async def run() -> Any:
            async with self.pool.connection() as conn, conn.transaction():
                return await function(conn)

        return self._do(run())

    @rule()
    def submit(self) -> None:
        self.number += 1
        new = cases.NewCase(workflow="machine", key=f"{id(self)}/{self.number}", desk="d", requester="r")
        self._in_transaction(lambda conn: cases.open_case(conn, new, _ACTOR))

    @rule(target=claims, limit=st.integers(1, 3))
    def claim(self, limit: int) -> Any:
        found = self._in_transaction(
            lambda conn: work.claim(conn, worker="w", limit=limit, lease=60, max_attempts=_MAX_ATTEMPTS)
        )
        taken = []
        for item in found:
            item_id = str(item["id"])
            assert item_id not in self.finished
            self.charged[item_id] = self.charged.get(item_id, 0) + 1
            assert self.charged[item_id] == item["attempt"] <= _MAX_ATTEMPTS
            self.owners[item_id] = item["epoch"]
            taken.append((item_id, item["epoch"]))
        return tuple(taken)

    @rule()
    def every_lease_runs_out(self) -> None:
        self._sql("update work_items set lease_until = now() - interval '1 second' where status = 'running'")

    @rule(claim=claims)
    def beat(self, claim: Any) -> None:
        ours = self._in_transaction(lambda conn: work.heartbeat(conn, dict(claim), lease=60)) if claim else {}
        assert set(ours) == {item for item, epoch in claim if self.owners.get(item) == epoch}

    @rule(claim=claims)
    def write(self, claim: Any) -> None:
        for item, epoch in claim:
            self._expect(item, epoch, lambda conn, i=item, e=epoch: work.fence(conn, i, e))

    @rule(claim=consumes(claims))
    def finish(self, claim: Any) -> None:
        for item, epoch in claim:

            async def end(conn: Any, i: str = item, e: int = epoch) -> None:
                await work.lock(conn, i, e)
                await work.finish(conn, i, e)

            if self._expect(item, epoch, end):
                assert item not in self.finished
                self.finished.add(item)
                del self.owners[item]

    @rule(claim=claims, charge=st.booleans())
    def give_back(self, claim: Any, charge: bool) -> None:
        for item, epoch in claim:
            given = self._in_transaction(lambda conn, i=item, e=epoch: work.release(conn, i, e, charge=charge))
            assert given == (self.owners.get(item) == epoch)
            if given:
                del self.owners[item]
                self.charged[item] -= 0 if charge else 1

    def _expect(self, item: str, epoch: int, write: Any) -> bool:
        """The write passes exactly for the item's owner."""
        if self.owners.get(item) == epoch:
            self._in_transaction(write)
            return True
        with pytest.raises(LeaseLost):
            self._in_transaction(write)
        return False

    @invariant()
    def one_live_run_a_thread(self) -> None:
        doubled = self._sql(
            "select thread_id from work_items where kind = 'run' and status in ('pending', 'running') "
            "group by thread_id having count(*) > 1"
        )
        assert not doubled


def test_no_mix_of_claims_crashes_and_drains_lets_two_write_or_one_finish_twice(database):
    Queue.url = database.worker
    run_state_machine_as_test(
        Queue,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
