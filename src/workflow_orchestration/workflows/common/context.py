"""What a run hands to its nodes, and how a node writes: one fenced transaction a node, rows and log together."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID, uuid5

from langgraph.runtime import Runtime

from workflow_orchestration.llm.contract import Answer, Question
from workflow_orchestration.llm.contract import T as Said
from workflow_orchestration.llm.gateway import Gateway
from workflow_orchestration.llm.recorded import Recorded
from workflow_orchestration.store import cases, effects, log, work
from workflow_orchestration.store.approvals import Policy
from workflow_orchestration.store.db import Conn, Pool, Row, retrying, transaction
from workflow_orchestration.store.notify import WORK, Notifier, Whisper
from workflow_orchestration.workflows.common.state import checked

S = TypeVar("S")
R = TypeVar("R")
Update = dict[str, Any]


@dataclass(frozen=True)
class Agents:
    """What takes part in a run beside code: a model, if there is one, and how far it is followed."""

    #: None: no model is configured, and every run goes as if there were none in the world.
    gateway: Gateway | None = None
    #: Agents are heard and compared with what people decide, and neither shown nor followed.
    shadow: bool = False
    #: Seconds one talk may take of the model, all its questions together.
    seconds: float = 90.0
    #: Where text goes while it is being written; it may be lost.
    whisper: Whisper | None = None


NO_AGENTS = Agents()


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
    agents: Agents = NO_AGENTS


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


@dataclass(frozen=True)
class Execution:
    """One execution of one node. What it reads, what a model says and what it writes are each on their own: a model
    takes seconds, and an open transaction holds locks."""

    context: RunContext
    task_id: str
    state_schema: type[Any]

    async def read(self, look: Callable[[Conn], Awaitable[R]]) -> R:
        """Look at the database: one short transaction."""
        async with transaction(self.context.pool) as conn:
            return await look(conn)

    async def ask(self, question: Question[Said], *, n: int = 0) -> Answer[Said]:
        """The model's answer, recorded before it is returned; ModelUnavailable where there is none."""
        context = self.context
        whisper = None if context.agents.shadow else context.agents.whisper
        recorded = Recorded(
            gateway=context.agents.gateway,
            pool=context.pool,
            item_id=context.item_id,
            epoch=context.epoch,
            thread_id=context.thread_id,
            task_id=self.task_id,
        )

        async def on_token(text: str, number: int) -> None:
            if whisper is not None:
                whisper.say(context.case_id, question.agent, text, number)

        return await recorded.ask(question, n=n, on_token=on_token)

    async def write(self, function: Callable[[Node], Awaitable[Update]]) -> Update:
        """One transaction that starts with the fence: a worker that lost its item writes nothing. The update is
        checked before it leaves, so that an invalid one fails the node and never the thread. A lost race for a lock
        is tried again from the start: nothing of it was kept."""
        context = self.context

        async def attempt(conn: Conn) -> tuple[Update, set[str]]:
            await work.fence(conn, context.item_id, context.epoch)
            writing = Node(conn, context, self.task_id)
            update = checked(self.state_schema, await function(writing), function.__name__)
            await writing.flush()
            return update, writing.wakes

        update, wakes = await retrying(context.pool, attempt)
        context.notifier.wake(*wakes)
        return update


_Wrapped = Callable[[S, Runtime[RunContext]], Awaitable[Update]]


def asking(
    state_schema: type[Any], entry: type[Any] | None = None
) -> Callable[[Callable[[S, Execution], Awaitable[Update]]], _Wrapped[S]]:
    """Make a function (state, execution) -> update a graph node that reads, asks a model, and then writes.

    `entry` is what it gets where that is not the graph's state: a branch of a fan-out.
    """

    def decorate(function: Callable[[S, Execution], Awaitable[Update]]) -> _Wrapped[S]:
        @functools.wraps(function)
        async def run(state: S, runtime: Runtime[RunContext]) -> Update:
            info = runtime.execution_info
            assert info is not None
            return await function(state, Execution(runtime.context, info.task_id, state_schema))

        # langgraph reads the node's signature from annotations; wraps would hand it the inner function's
        run.__annotations__ = {"state": entry or state_schema, "runtime": Runtime[RunContext], "return": Update}
        del run.__wrapped__
        return run

    return decorate


def node(state_schema: type[Any]) -> Callable[[Callable[[S, Node], Awaitable[Update]]], _Wrapped[S]]:
    """Make a function (state, node) -> update a graph node whose whole work is one transaction (`Execution.write`)."""

    def decorate(function: Callable[[S, Node], Awaitable[Update]]) -> _Wrapped[S]:
        @functools.wraps(function)
        async def whole(state: S, execution: Execution) -> Update:
            @functools.wraps(function)
            async def writing(node: Node) -> Update:
                return await function(state, node)

            return await execution.write(writing)

        return asking(state_schema)(whole)

    return decorate
