"""A small workflow in place of W1: begin -> ask -> take -> end. Each node says in the log that it ran."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import RunControl
from pydantic import BaseModel, ConfigDict

from tests.integration.store.scene import POLICY
from workflow_orchestration.domain.facts import Outcome
from workflow_orchestration.store.db import Conn, Pool, Row
from workflow_orchestration.store.notify import Notifier
from workflow_orchestration.worker import deliver, runs
from workflow_orchestration.worker.lease import LEASE, Lease
from workflow_orchestration.worker.runs import Runner
from workflow_orchestration.worker.saver import FencedSaver
from workflow_orchestration.workflows.common import gate
from workflow_orchestration.workflows.common.context import Node, RunContext, node
from workflow_orchestration.workflows.common.state import replace
from workflow_orchestration.workflows.registry import Workflow

Update = dict[str, Any]


class Trace(BaseModel):
    """Which nodes ran, and the answer they got."""

    model_config = ConfigDict(frozen=True)
    ran: tuple[str, ...] = ()
    answer: dict[str, Any] = {}


class Inputs(BaseModel):
    """How often an input was applied: the reducer adds."""

    model_config = ConfigDict(frozen=True)
    count: int = 0


def add(old: Inputs | None, new: Inputs) -> Inputs:
    return Inputs(count=(old.count if old else 0) + new.count)


class State(TypedDict):
    trace: Annotated[Trace, replace(Trace)]
    inputs: Annotated[Inputs, add]


@dataclass
class Hooks:
    """What a test lets happen inside a node, by the node's name."""

    inside: dict[str, Any] = field(default_factory=dict)

    async def call(self, name: str, at: Node) -> None:
        if name in self.inside:
            await self.inside[name](at)


HOOKS = Hooks()


def _step(name: str) -> Any:
    async def run(state: State, at: Node) -> Update:
        at.log("ran", {"node": name})
        await HOOKS.call(name, at)
        return {"trace": Trace(ran=(*state["trace"].ran, name), answer=state["trace"].answer)}

    run.__name__ = name
    return node(State)(run)


def ask(state: State) -> Update:
    answer = gate.pause("external", ref="toy", seen_seq=0, timeout_minutes=60)
    return {"trace": Trace(ran=(*state["trace"].ran, "ask"), answer=answer)}


def build() -> StateGraph[Any, Any, Any, Any]:
    graph: Any = StateGraph(State, context_schema=RunContext)
    for name in ("begin", "take", "end"):
        graph.add_node(name, _step(name))
    graph.add_node("ask", ask)
    graph.add_edge(START, "begin")
    graph.add_edge("begin", "ask")
    graph.add_edge("ask", "take")
    graph.add_edge("take", "end")
    graph.add_edge("end", END)
    return graph


async def _nothing_forbids(conn: Conn, effect: Row) -> tuple[Outcome, ...]:
    return ()


TOY = Workflow(
    build,
    lambda: {"trace": Trace(), "inputs": Inputs(count=1)},
    (Trace, Inputs),
    lambda values: ("resolved", ",".join(values["trace"].ran)),
    _nothing_forbids,
)


def install(monkeypatch: Any) -> Hooks:
    """Let the worker know the toy workflow alone, as `settlement`."""
    for module in (runs, deliver):
        monkeypatch.setattr(module, "WORKFLOWS", {"settlement": TOY})
    monkeypatch.setattr(HOOKS, "inside", {})
    return HOOKS


def runner(pool: Pool) -> Runner:
    return Runner(pool, Notifier(pool), POLICY, effects_url="file:/nowhere", run_timeout=20)


async def run_item(pool: Pool, item: Row, control: RunControl | None = None) -> None:
    """What a worker's task does with a claimed run."""
    LEASE.set(Lease(str(item["id"]), item["epoch"]))
    await runner(pool).run(item, control or RunControl())


class Killed(BaseException):
    """The process is dead: no code of it may catch this as a failure."""


@asynccontextmanager
async def killed_at_write(monkeypatch: Any, n: int, *, after: bool):
    """The worker dies just before (or after) its n-th commit of a checkpoint, and writes nothing more."""
    stock, count = FencedSaver._cursor, [0]

    @asynccontextmanager
    async def cursor(self: FencedSaver, *, pipeline: bool = False):
        count[0] += pipeline
        if pipeline and (count[0] > n or (count[0] == n and not after)):
            raise Killed(f"at write {count[0]}")
        async with stock(self, pipeline=pipeline) as found:
            yield found
        if pipeline and count[0] == n:
            raise Killed(f"after write {n}")

    with monkeypatch.context() as patch:
        patch.setattr(FencedSaver, "_cursor", cursor)
        yield count
