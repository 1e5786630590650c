"""The measured graph as a workflow of ours, with all that W1's nodes do: each node one fenced transaction, a changed
case and a chained log entry; a stored, hashed proposal; a gate that one approver must open.

With `input.effect` the node `act` also writes an effect, and with `input.slow` the first claim takes seconds in
`gather`: for the rows about takeover.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel, ConfigDict, Field

from benchmarks.engine.plain_graph import FINDINGS, NODES
from workflow_orchestration.domain.canonical import sha256
from workflow_orchestration.domain.facts import Outcome, Tier
from workflow_orchestration.store import approvals, cases, effects
from workflow_orchestration.store.db import Conn, Row
from workflow_orchestration.workflows.common import gate
from workflow_orchestration.workflows.common.context import Node, RunContext, node
from workflow_orchestration.workflows.common.state import replace
from workflow_orchestration.workflows.registry import Workflow

NAME = "bench"


class Progress(BaseModel):
    """The plain graph's state, as a model."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    ran: tuple[str, ...] = ()
    findings: dict[str, Any] = Field(default_factory=dict)
    cause: str | None = None
    proposal_id: str | None = None
    payload_hash: str | None = None
    approval_id: str | None = None
    effect: bool = False
    #: Seconds that the first claim's `gather` takes: time to kill it in.
    slow: int = 0
    #: The effect that is waited for.
    effect_id: str | None = None
    outcome: str | None = None


class State(TypedDict):
    progress: Annotated[Progress, replace(Progress)]


def _went_through(state: State, name: str, **changes: Any) -> dict[str, Any]:
    progress = state["progress"]
    return {"progress": progress.model_copy(update={**changes, "ran": (*progress.ran, name)})}


@node(State)
async def receive(state: State, node: Node) -> dict[str, Any]:
    case = await cases.get(node.conn, node.context.case_id)
    node.log("bench.received", {"key": case["key"]})
    return _went_through(state, "receive", **case["input"])


@node(State)
async def gather(state: State, node: Node) -> dict[str, Any]:
    if node.context.epoch == 1 and state["progress"].slow:
        await asyncio.sleep(state["progress"].slow)
    await node.change_case("bench.gathered", phase="INVESTIGATING", findings=FINDINGS)
    return _went_through(state, "gather", findings=FINDINGS)


@node(State)
async def assess(state: State, node: Node) -> dict[str, Any]:
    await node.change_case("bench.assessed", root_cause="DATA_MISMATCH")
    return _went_through(state, "assess", cause="DATA_MISMATCH")


@node(State)
async def propose(state: State, node: Node) -> dict[str, Any]:
    proposal_id = node.key("proposal")
    content = {"action": "BENCH", "summary": "Measure.", "params": {}, "steps": [], "findings": FINDINGS}
    digest = sha256(content)
    await approvals.put_proposal(
        node.conn,
        approvals.ProposalRow(
            id=proposal_id,
            case_id=node.context.case_id,
            thread_id=node.context.thread_id,
            action="BENCH",
            tier=Tier.T1,
            content=content,
            payload_hash=digest,
            makers=(),
            seen_seq=0,
        ),
    )
    await node.change_case("case.proposed", {"payload_hash": digest}, phase="PROPOSED")
    return _went_through(state, "propose", proposal_id=proposal_id, payload_hash=digest)


def ask(state: State) -> dict[str, Any]:
    progress = state["progress"]
    answer = gate.approval(
        proposal_id=progress.proposal_id or "", payload_hash=progress.payload_hash or "", tier="T1", seen_seq=0
    )
    return _went_through(state, "ask", approval_id=answer["approval_id"])


@node(State)
async def act(state: State, node: Node) -> dict[str, Any]:
    progress = state["progress"]
    await node.change_case("case.approved", phase="APPROVED")
    effect_id = None
    if progress.effect:
        row = await node.write_effect(
            effects.NewEffect(
                case_id=node.context.case_id,
                thread_id=node.context.thread_id,
                proposal_id=progress.proposal_id,
                source=progress.approval_id or "",
                step="1",
                kind="message",
                receiver=node.context.effects_url,
                type="BENCH",
                recipient="",
                payload=node.context.case_id,
                action="BENCH",
                workflow=NAME,
            )
        )
        effect_id = str(row["id"])
    return _went_through(state, "act", effect_id=effect_id)


def wait_effect(state: State) -> dict[str, Any]:
    if state["progress"].effect_id is not None:
        gate.pause("effect", ref=state["progress"].effect_id, seen_seq=0)
    return _went_through(state, "wait_effect")


@node(State)
async def close(state: State, node: Node) -> dict[str, Any]:
    await node.change_case("case.closing", phase="RESOLVED")
    return _went_through(state, "close", outcome="resolved")


def build() -> StateGraph[Any, Any, Any, Any]:
    """Seven nodes, and an eighth that only cases with an effect pass: the measured ones have none."""
    builder: Any = StateGraph(State, context_schema=RunContext)
    for name in NODES:
        builder.add_node(name, globals()[name])
    builder.add_node("wait_effect", wait_effect)
    for before, after in zip((START, *NODES[:5]), NODES[:6], strict=True):
        builder.add_edge(before, after)
    builder.add_conditional_edges(
        "act", lambda state: "wait_effect" if state["progress"].effect_id else "close", ["wait_effect", "close"]
    )
    builder.add_edge("wait_effect", "close")
    builder.add_edge("close", END)
    return builder  # type: ignore[no-any-return]


async def _nothing_goes_stale(conn: Conn, effect: Row) -> Sequence[Outcome]:
    return ()


BENCH = Workflow(
    build,
    lambda: {"progress": Progress()},
    (Progress,),
    lambda values: (values["progress"].outcome, "measured"),
    _nothing_goes_stale,
)
