"""What a run hands to its nodes, and how a node writes: one fenced transaction a node, rows and log together."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID, uuid5

from langgraph.runtime import Runtime

from workflow_orchestration.store import cases, effects, log, work
from workflow_orchestration.store.approvals import Policy
from workflow_orchestration.store.db import Conn, Pool, Row, retrying
from workflow_orchestration.store.notify import WORK, Notifier
from workflow_orchestration.workflows.common.state import checked

S = TypeVar("S")
Update = dict[str, Any]


@dataclass(frozen=True)
class RunContext:
    """One claimed run: the graph's `context`."""

    pool: Pool
    notifier: Notifier
    policy: Policy
    #: Where effects of this installation go (EFFECTS_URL).
    effects_url: str
    item_id: str
    epoch: int
    case_id: str
    thread_id: str


@dataclass
class Node:
    """One execution of one node, inside its transaction. `log` collects; the entries are written at the end."""

    conn: Conn
    context: RunContext
    #: LangGraph's task id: the same when the node is replayed after a crash.
    task_id: str
    #: Whom to wake after the commit: readers of the case, and workers where there is new work for them.
    wakes: set[str] = field(default_factory=set)
    _entries: list[log.Entry] = field(default_factory=list)

    def log(self, entry: str, data: dict[str, Any] | None = None) -> None:
        self._entries.append(
            log.Entry(
                entry,
                log.WORKER,
                data or {},
                run_id=self.context.item_id,
                task_id=self.task_id,
                epoch=self.context.epoch,
                n=len(self._entries),
            )
        )

    async def change_case(self, entry: str, data: dict[str, Any] | None = None, **changes: Any) -> None:
        """Change the case and log it, with the state's hash before and after."""
        _, said = await cases.update(self.conn, self.context.case_id, **changes)
        self.log(entry, {**(data or {}), **said})

    async def write_effect(self, new: effects.NewEffect) -> Row:
        """One thing to do to the outside, once this node's transaction has committed: a worker is then woken."""
        self.wakes.add(WORK)
        return await effects.put(self.conn, new)

    def key(self, name: str) -> str:
        """An id that a replay of this node computes again."""
        return str(uuid5(UUID(self.context.thread_id), f"{self.task_id}/{name}"))

    async def flush(self) -> None:
        if self._entries:
            self.wakes.add(self.context.case_id)
            await log.append(self.conn, self.context.case_id, self._entries)


def node(
    state_schema: type[Any],
) -> Callable[[Callable[[S, Node], Awaitable[Update]]], Callable[[S, Runtime[RunContext]], Awaitable[Update]]]:
    """Make a function (state, node) -> update a graph node.

    Its writes are one transaction that starts with the fence: a worker that lost its item writes nothing. The
    update is checked before it leaves, so that an invalid one fails the node and never the thread. A lost race
    for a lock is tried again from the start: nothing of it was kept.
    """

    def decorate(
        function: Callable[[S, Node], Awaitable[Update]],
    ) -> Callable[[S, Runtime[RunContext]], Awaitable[Update]]:
        @functools.wraps(function)
        async def run(state: S, runtime: Runtime[RunContext]) -> Update:
            context, info = runtime.context, runtime.execution_info
            assert info is not None

            async def attempt(conn: Conn) -> tuple[Update, set[str]]:
                await work.fence(conn, context.item_id, context.epoch)
                writing = Node(conn, context, info.task_id)
                update = checked(state_schema, await function(state, writing), function.__name__)
                await writing.flush()
                return update, writing.wakes

            update, wakes = await retrying(context.pool, attempt)
            context.notifier.wake(*wakes)
            return update

        # langgraph reads the node's signature from annotations; wraps would hand it the inner function's
        run.__annotations__ = {"state": state_schema, "runtime": Runtime[RunContext], "return": Update}
        del run.__wrapped__
        return run

    return decorate
