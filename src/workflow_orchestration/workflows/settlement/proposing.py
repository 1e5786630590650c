"""From findings, and from what agents say of them, to the one proposal that people are asked about.

Code computes it. An agent may have picked which of the admissible actions it is, and may have drafted a sentence for
its message; where it did neither, or what it said no longer fits the facts, code's own proposal stands.
"""

from __future__ import annotations

from typing import Any

from workflow_orchestration.domain import propose, triage
from workflow_orchestration.domain.actions import ACTIONS
from workflow_orchestration.domain.actions.base import Assessment
from workflow_orchestration.domain.canonical import plain
from workflow_orchestration.domain.commentary import Commentary
from workflow_orchestration.domain.errors import InvalidRequest
from workflow_orchestration.domain.facts import Facts, Tier
from workflow_orchestration.store import approvals
from workflow_orchestration.workflows.common.context import Node, node
from workflow_orchestration.workflows.settlement import talk as talking
from workflow_orchestration.workflows.settlement.consult import DRAFTED
from workflow_orchestration.workflows.settlement.gather import Gathered, gather
from workflow_orchestration.workflows.settlement.state import Looked, State, Talk

Update = dict[str, Any]
Makers = tuple[str, ...]


@node(State)
async def propose_action(state: State, node: Node) -> Update:
    """Compute, validate, store and hash one action: before the gate, so that people decide on exactly this."""
    progress = state["progress"]
    found = await gather(node.conn, node.context.case_id, rejected=progress.rejected)
    assessment = triage.assess(found.facts)
    proposal, makers = _choose(state, found, assessment, node)
    proposal_id = await _store(node, found, proposal, makers)
    blocked = proposal.blocked_by()
    if blocked:
        why = "; ".join(f"{o.validator} {o.outcome}: {o.detail}" for o in blocked)
        node.log("proposal.blocked", {"proposal_id": proposal_id, "action": proposal.action, "why": why})
        proposal = _task_instead(found.facts, assessment, f"{proposal.action} is blocked by {why}")
        proposal_id = await _store(node, found, proposal, makers)
    await node.change_case(
        "case.proposed",
        {
            "action": proposal.action,
            "tier": proposal.tier.value,
            "proposal_id": proposal_id,
            "payload_hash": proposal.payload_hash,
        },
        phase="PROPOSED",
        findings={"agents": plain(proposal.commentary)} if proposal.commentary else None,
    )
    changes = {
        "proposal_id": proposal_id,
        "payload_hash": proposal.payload_hash,
        "tier": proposal.tier.value,
        "action": proposal.action,
        "steps": len(proposal.steps),
        "step": 0,
        "seen_seq": found.seen_seq,
        "makers": makers,
        "source": proposal_id if proposal.tier is Tier.T0 else None,
        "answer": {"blocked": bool(blocked)},
    }
    return {"progress": progress.model_copy(update=changes)}


def _choose(state: State, found: Gathered, assessment: Assessment, node: Node) -> tuple[propose.Proposal, Makers]:
    """A person's edit if there is one (its author becomes a maker), else what agents picked, else what code says."""
    progress, facts = state["progress"], found.facts
    picked = advised(state["talk"], state["looked"], facts, assessment)
    edit = progress.answer if progress.answer.get("type") == "edit" else None
    if edit is None or progress.action is None:
        return _sound(picked, facts, assessment, node), progress.makers
    makers = tuple(dict.fromkeys((*progress.makers, str(edit["by"]))))
    try:
        computed = ACTIONS[progress.action].propose(facts, assessment)
        if computed is None:
            raise InvalidRequest(f"{progress.action} no longer fits what is on file")
        params = {**plain(computed), **edit["params"]}
        return propose.rebuild(facts, assessment, progress.action, params, picked.commentary), makers
    except InvalidRequest as error:
        node.log("edit.dropped", {"why": error.detail, "by": edit["by"]})
        return propose.propose(facts, assessment), makers


def _sound(picked: propose.Proposal, facts: Facts, assessment: Assessment, node: Node) -> propose.Proposal:
    """What agents said of facts that have changed since is dropped: code's own proposal, without their words."""
    blocked = [o for o in picked.blocked_by() if o.validator == "V10"]
    if not blocked:
        return picked
    node.log("agents.dropped", {"why": blocked[0].detail})
    return propose.propose(facts, assessment)


def advised(talk: Talk, looked: Looked, facts: Facts, assessment: Assessment) -> propose.Proposal:
    """The proposal as agents would have it, within what code allows; code's own where they have no say."""
    if not talk.on or talk.shadow:
        return propose.propose(facts, assessment)
    return opinion(talk, looked, facts, assessment)


def opinion(talk: Talk, looked: Looked, facts: Facts, assessment: Assessment) -> propose.Proposal:
    """What comes of a talk, whether or not it is followed."""

    def said(*, followed: bool) -> Commentary:
        return talking.commentary(talk, looked, assessment.root_cause, followed=followed)

    if talk.lost:
        return propose.rebuild(facts, assessment, "ESCALATE", {}, said(followed=False))
    if talk.action is None or talk.action in facts.rejected:
        return propose.propose(facts, assessment, said(followed=False))
    drafted = {DRAFTED: talk.draft} if talk.draft and DRAFTED in ACTIONS[talk.action].editable else {}
    for params in (drafted, {}):
        try:
            return propose.rebuild(facts, assessment, talk.action, params, said(followed=True))
        except InvalidRequest:  # the draft does not fit the message, or the action no longer fits the case
            continue
    return propose.propose(facts, assessment, said(followed=False))


def compare(state: State, node: Node) -> None:
    """Shadow mode: what the agents would have proposed, beside what people decided on."""
    talk, progress = state["talk"], state["progress"]
    decision = progress.answer.get("type")
    if not talk.shadow or decision not in ("approve", "reject", "edit"):
        return
    agrees = (talk.action == progress.action) is (decision != "reject")
    node.log(
        "agents.compared",
        {"agents": talk.action, "people": progress.action, "decision": decision, "agree": agrees,
         "degraded": talk.degraded, "lost": talk.lost},
    )  # fmt: skip


def _task_instead(facts: Facts, assessment: Assessment, why: str) -> propose.Proposal:
    task = ACTIONS["TASK"].propose(facts, assessment)
    assert task is not None
    params = plain(task)
    return propose.rebuild(facts, assessment, "TASK", {**params, "reason": f"{why}. {params['reason']}"[:1000]})


async def _store(node: Node, found: Gathered, proposal: propose.Proposal, makers: Makers) -> str:
    proposal_id = node.key(proposal.action)
    known = (
        found.facts.trade and found.facts.trade.captured_by,
        found.facts.instruction and found.facts.instruction.instructed_by,
    )
    action = ACTIONS[proposal.action]
    content = {
        **plain(proposal),
        "gates": {
            **{stage: list(gates) for stage, gates in action.gates.items()},
            "proposal": list(propose.gates_at_proposal(action, proposal.commentary)),
        },
        "editable": list(action.editable),
        "ends_case": action.ends_case,
    }
    await approvals.put_proposal(
        node.conn,
        approvals.ProposalRow(
            id=proposal_id,
            case_id=node.context.case_id,
            thread_id=node.context.thread_id,
            action=proposal.action,
            tier=proposal.tier,
            content=content,
            payload_hash=proposal.payload_hash,
            makers=tuple(dict.fromkeys([*makers, *(m for m in known if m)])),
            seen_seq=found.seen_seq,
        ),
    )
    await approvals.put_validations(node.conn, proposal_id, "proposal", proposal.outcomes)
    return proposal_id
