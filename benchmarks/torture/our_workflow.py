"""The tortured graph as a workflow of ours: the same nodes at the same pace; what is sent is an effect, delivered to
the receiver's folder under its key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, TypedDict

from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel, ConfigDict

from benchmarks.torture.graph import WORK
from workflow_orchestration.domain.canonical import sha256
from workflow_orchestration.domain.facts import Outcome, Tier
from workflow_orchestration.store import approvals, cases, effects
from workflow_orchestration.store.db import Conn, Row
from workflow_orchestration.workflows.common import gate
from workflow_orchestration.workflows.common.context import Node, RunContext, node
from workflow_orchestration.workflows.common.state import replace
from workflow_orchestration.workflows.registry import Workflow

NAME = "torture"


class Progress(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    proposal_id: str | None = None
    payload_hash: str | None = None
    approval_id: str | None = None
    decision: str | None = None
    effect_id: str | None = None


class State(TypedDict):
    progress: Annotated[Progress, replace(Progress)]


def _to(state: State, **changes: Any) -> dict[str, Any]:
    return {"progress": state["progress"].model_copy(update=changes)}


@node(State)
async def prepare(state: State, node: Node) -> dict[str, Any]:
    await asyncio.sleep(WORK)
    content = {"action": "SEND", "summary": "May it be sent?", "params": {}, "steps": []}
    proposal_id, digest = node.key("proposal"), sha256(content)
    await approvals.put_proposal(
        node.conn,
        approvals.ProposalRow(
            id=proposal_id,
            case_id=node.context.case_id,
            thread_id=node.context.thread_id,
            action="SEND",
            tier=Tier.T1,
            content=content,
            payload_hash=digest,
            makers=(),
            seen_seq=0,
        ),
    )
    await node.change_case("case.investigated", phase="INVESTIGATING")
    await node.change_case("case.proposed", {"payload_hash": digest}, phase="PROPOSED")
    return _to(state, proposal_id=proposal_id, payload_hash=digest)


def ask(state: State) -> dict[str, Any]:
    progress = state["progress"]
    answer = gate.approval(
        proposal_id=progress.proposal_id or "", payload_hash=progress.payload_hash or "", tier="T1", seen_seq=0
    )
    return _to(state, decision=answer["type"], approval_id=answer.get("approval_id"))


@node(State)
async def act(state: State, node: Node) -> dict[str, Any]:
    progress = state["progress"]
    if progress.decision != "approve":
        return _to(state)
    await asyncio.sleep(WORK)
    await node.change_case("case.approved", phase="APPROVED")
    case = await cases.get(node.conn, node.context.case_id)
    row = await node.write_effect(
        effects.NewEffect(
            case_id=node.context.case_id,
            thread_id=node.context.thread_id,
            proposal_id=progress.proposal_id,
            source=progress.approval_id or "",
            step="1",
            kind="message",
            receiver=node.context.effects_url,
            type="TORTURE",
            recipient="",
            payload=case["key"],
            action="SEND",
            workflow=NAME,
        )
    )
    await asyncio.sleep(WORK)
    return _to(state, effect_id=str(row["id"]))


def wait_effect(state: State) -> dict[str, Any]:
    if state["progress"].effect_id is not None:
        gate.pause("effect", ref=state["progress"].effect_id, seen_seq=0)
    return _to(state)


@node(State)
async def close(state: State, node: Node) -> dict[str, Any]:
    approved = state["progress"].decision == "approve"
    await node.change_case("case.closing", phase="RESOLVED" if approved else None)
    return _to(state)


def build() -> StateGraph[Any, Any, Any, Any]:
    builder: Any = StateGraph(State, context_schema=RunContext)
    names = ("prepare", "ask", "act", "wait_effect", "close")
    for name in names:
        builder.add_node(name, globals()[name])
    for before, after in zip((START, *names), (*names, END), strict=True):
        builder.add_edge(before, after)
    return builder  # type: ignore[no-any-return]


def _outcome(values: dict[str, Any]) -> tuple[str, str]:
    decision = values["progress"].decision
    return ("resolved" if decision == "approve" else "rejected"), f"decided: {decision}"


async def _nothing_goes_stale(conn: Conn, effect: Row) -> Sequence[Outcome]:
    return ()


TORTURE = Workflow(build, lambda: {"progress": Progress()}, (Progress,), _outcome, _nothing_goes_stale)
