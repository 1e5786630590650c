"""Nodes of a group's case: one proposal, people's decision, then each message once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from workflow_orchestration.domain.actions.base import Step
from workflow_orchestration.domain.canonical import plain
from workflow_orchestration.domain.errors import InvalidRequest
from workflow_orchestration.domain.facts import Tier
from workflow_orchestration.domain.propose import Proposal
from workflow_orchestration.store import approvals, effects, tasks
from workflow_orchestration.workflows.common import gate
from workflow_orchestration.workflows.common.context import Node, node
from workflow_orchestration.workflows.group import proposing
from workflow_orchestration.workflows.group.state import GroupProgress, State

Update = dict[str, Any]


def _to(progress: GroupProgress, **changes: Any) -> Update:
    return {"progress": progress.model_copy(update=changes)}


@node(State)
async def propose(state: State, node: Node) -> Update:
    """Compute, validate, store and hash one action for the whole group, before the gate."""
    progress = state["progress"]
    group, facts = await proposing.gather(node.conn, node.context.case_id)
    eur = await proposing.exposure(node.conn, group)
    await node.change_case(
        "case.triaged",
        {"instructions": len(group.lines)},
        phase="INVESTIGATING",
        root_cause=group.cause,
        fault_side="OWN" if group.cause == "UNINSTRUCTED" else "UNKNOWN",
        exposure_eur=Decimal(eur) if eur else None,
    )
    proposal = proposing.choose(group, facts, eur, rejected=progress.rejected)
    proposal_id = await _store(node, proposal)
    said = {"action": proposal.action, "tier": proposal.tier.value, "payload_hash": proposal.payload_hash}
    await node.change_case("case.proposed", {**said, "proposal_id": proposal_id}, phase="PROPOSED")
    return _to(
        progress,
        proposal_id=proposal_id,
        payload_hash=proposal.payload_hash,
        tier=proposal.tier.value,
        action=proposal.action,
        steps=len(proposal.steps),
        step=0,
        source=proposal_id if proposal.tier is Tier.T0 else None,
        answer={},
    )


async def _store(node: Node, proposal: Proposal) -> str:
    proposal_id = node.key(proposal.action)
    gates = {stage: list(names) for stage, names in proposing.GATES.items()}
    await approvals.put_proposal(
        node.conn,
        approvals.ProposalRow(
            id=proposal_id,
            case_id=node.context.case_id,
            thread_id=node.context.thread_id,
            action=proposal.action,
            tier=proposal.tier,
            content={**plain(proposal), "gates": gates, "editable": [], "ends_case": True},
            payload_hash=proposal.payload_hash,
            makers=(),
            seen_seq=0,
        ),
    )
    await approvals.put_validations(node.conn, proposal_id, "proposal", proposal.outcomes)
    return proposal_id


def ask_approval(state: State) -> Update:
    """The gate."""
    progress = state["progress"]
    answer = gate.approval(
        proposal_id=progress.proposal_id or "",
        payload_hash=progress.payload_hash or "",
        tier=progress.tier or "",
        seen_seq=0,
    )
    return _to(progress, answer=answer, source=answer.get("approval_id"))


@node(State)
async def take_decision(state: State, node: Node) -> Update:
    progress = state["progress"]
    answer = progress.answer
    match answer["type"]:
        case "approve":
            await node.change_case("case.approved", {"by": answer["by"], "action": progress.action}, phase="APPROVED")
            return _to(progress)
        case "reject":
            node.log("proposal.rejected", {"action": progress.action, "by": answer["by"]})
            return _to(progress, rejected=True)
        case "request_info":
            return _to(progress, waits_for=await _task(node, "request_info", answer["role"], answer["text"]))
        case _:
            return _to(progress)


@node(State)
async def act(state: State, node: Node) -> Update:
    """Write the current message, or the task: once, by its key."""
    progress = state["progress"]
    proposal = await approvals.get_proposal(node.conn, progress.proposal_id or "")
    if proposal["payload_hash"] != progress.payload_hash:
        raise InvalidRequest("the stored proposal is not the one that was approved")
    step = Step.model_validate(proposal["content"]["steps"][progress.step])
    waits_for = (
        await _task(node, step.type, step.to, step.payload)
        if step.kind == "task"
        else await _message(node, progress, step)
    )
    await node.change_case("case.step", {"step": step.name, "kind": step.kind, "ref": waits_for}, phase="EXECUTING")
    return _to(progress, waits_for=waits_for, answer={})


async def _message(node: Node, progress: GroupProgress, step: Step) -> str:
    assert progress.source is not None
    row = await node.write_effect(
        effects.NewEffect(
            case_id=node.context.case_id,
            thread_id=node.context.thread_id,
            proposal_id=progress.proposal_id,
            source=progress.source,
            step=step.name,
            kind="message",
            receiver=node.context.effects_url,
            type=step.type,
            recipient=step.to,
            payload=step.payload,
            action=progress.action or "",
            workflow="group",
        )
    )
    return str(row["id"])


async def _task(node: Node, kind: str, role: str, text: str) -> str:
    row = await tasks.put(
        node.conn,
        case_id=node.context.case_id,
        thread_id=node.context.thread_id,
        source=node.key(kind),
        step="task",
        kind=kind,
        role=role,
        text=text,
    )
    return str(row["id"])


def wait_delivery(state: State) -> Update:
    progress = state["progress"]
    return _to(progress, answer=gate.pause("effect", ref=progress.waits_for or "", seen_seq=0))


def wait_task(state: State) -> Update:
    progress = state["progress"]
    return _to(progress, answer=gate.pause("task", ref=progress.waits_for or "", seen_seq=0))


@node(State)
async def next_step(state: State, node: Node) -> Update:
    """Delivered: the next message. An operator cancelled it: people see the group anew."""
    progress = state["progress"]
    if progress.answer["type"] != "delivered":
        node.log("effect.ended", {"effect_id": progress.waits_for, "how": progress.answer["type"]})
        return _to(progress, rejected=True)
    return _to(progress, step=progress.step + 1)


@node(State)
async def close(state: State, node: Node) -> Update:
    progress = state["progress"]
    chased = f"{progress.steps} messages left; what is still unsettled is in the next sweep"
    reason = chased if progress.action == "CHASE" else "a person has done it"
    await node.change_case("case.closing", {"outcome": "resolved", "reason": reason}, phase="RESOLVED")
    return _to(progress, outcome="resolved", reason=reason)
