"""Nodes of W1. Code decides everything here; people decide at the gate; nothing is done before it.

Each writing node is one fenced transaction (`@node`); pauses are nodes of their own without any write.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from workflow_orchestration.domain import codes, messages, projection, triage
from workflow_orchestration.domain.actions import ACTIONS
from workflow_orchestration.domain.actions.base import Assessment, Step
from workflow_orchestration.domain.canonical import plain
from workflow_orchestration.domain.errors import InvalidRequest
from workflow_orchestration.store import approvals, book, cases, effects, log, tasks
from workflow_orchestration.workflows.common import gate
from workflow_orchestration.workflows.common.context import Node, node
from workflow_orchestration.workflows.settlement.gather import Gathered, gather
from workflow_orchestration.workflows.settlement.proposing import compare
from workflow_orchestration.workflows.settlement.rank import Rank, rank
from workflow_orchestration.workflows.settlement.state import Looked, Progress, State, Talk

Update = dict[str, Any]
#: The third reject ends the case.
MAX_REJECTS = 3


def _to(progress: Progress, **changes: Any) -> Update:
    return {"progress": progress.model_copy(update=changes)}


# -- find out -----------------------------------------------------------------------------------------------


@node(State)
async def investigate(state: State, node: Node) -> Update:
    """Correlate, classify, compare, and say how urgent it is; or see that the exception is over."""
    progress = state["progress"]
    found = await gather(node.conn, node.context.case_id, rejected=progress.rejected)
    assessment = triage.assess(found.facts)
    ranked = rank(found.facts, assessment)
    await _show_findings(node, found, assessment, ranked)
    over = _over(found, assessment)
    return {
        **_to(
            progress,
            seen_seq=found.seen_seq,
            outcome="resolved" if over else None,
            reason=over or "",
            answer={},
            waits_for=None,
            step=0,
        ),
        **_new_talk(node),
    }


def _new_talk(node: Node) -> Update:
    """Agents, where there is a model, begin anew with what is known now."""
    agents = node.context.agents
    return {"talk": Talk(on=agents.gateway is not None, shadow=agents.shadow), "looked": Looked(anew=True)}


def _over(found: Gathered, assessment: Assessment) -> str | None:
    """Why nothing is left to do: matched or settled, and no exception since."""
    status = found.facts.status
    earlier = found.case["findings"].get("codes", [])
    if status is not None and not assessment.stop and codes.closes(status, [*earlier, *assessment.codes]):
        return f"the newest status is {', '.join(codes.labels(status))}"
    return None


async def _show_findings(node: Node, found: Gathered, assessment: Assessment, ranked: Rank) -> None:
    facts = found.facts
    findings = plain(
        {
            "codes": sorted({*found.case["findings"].get("codes", []), *assessment.codes}),
            "assessment": assessment,
            "priority": ranked.priority,
            "penalty_per_day": ranked.penalty,
            "projection": projection.cover(facts),
            "book": facts.book_versions,
            "counterparty": facts.trade.counterparty_bic if facts.trade else None,
        }
    )
    await node.change_case(
        "case.triaged",
        {"codes": list(assessment.codes), "notes": list(assessment.notes), "priority_factors": ranked.priority.factors},
        phase="STOPPED" if assessment.stop else "INVESTIGATING",
        findings=findings,
        root_cause=assessment.root_cause,
        fault_side=assessment.fault_side.value,
        exposure_eur=Decimal(assessment.exposure_eur) if assessment.exposure_eur else None,
        priority=Decimal(ranked.priority.score),
        band=ranked.priority.band,
        cutoff_at=ranked.cutoff_at,
    )


# -- ask people ---------------------------------------------------------------------------------------------


def ask_approval(state: State) -> Update:
    """The gate. Resumes with a decision, or with `refresh` when the world moved on."""
    progress = state["progress"]
    answer = gate.approval(
        proposal_id=progress.proposal_id or "",
        payload_hash=progress.payload_hash or "",
        tier=progress.tier or "",
        seen_seq=progress.seen_seq,
    )
    return _to(progress, answer=answer, source=answer.get("approval_id"))


@node(State)
async def take_decision(state: State, node: Node) -> Update:
    """What the decision means for the thread; approve and edit need nothing here but their phase."""
    progress = state["progress"]
    answer = progress.answer
    compare(state, node)
    match answer["type"]:
        case "approve":
            await node.change_case("case.approved", {"by": answer["by"], "action": progress.action}, phase="APPROVED")
            return _to(progress)
        case "reject":
            return await _rejected(progress, node)
        case "request_info":
            return await _ask_somebody(progress, node)
        case _:
            return _to(progress)


async def _rejected(progress: Progress, node: Node) -> Update:
    rejected = (*progress.rejected, progress.action or "")
    node.log(
        "proposal.rejected",
        {
            "action": progress.action,
            "by": progress.answer["by"],
            "count": len(rejected),
            "reason_code": progress.answer.get("reason_code"),
        },
    )
    if len(rejected) >= MAX_REJECTS:
        return _to(progress, rejected=rejected, outcome="rejected", reason=f"rejected {len(rejected)} times")
    return {**_to(progress, rejected=rejected), **_new_talk(node)}


async def _ask_somebody(progress: Progress, node: Node) -> Update:
    task = await tasks.put(
        node.conn,
        case_id=node.context.case_id,
        thread_id=node.context.thread_id,
        source=node.key("question"),
        step="question",
        kind="request_info",
        role=progress.answer["role"],
        text=progress.answer["text"],
    )
    await node.change_case(
        "task.opened", {"task_id": str(task["id"]), "kind": "request_info", "role": task["role"]}, phase="INVESTIGATING"
    )
    return _to(progress, waits_for=str(task["id"]))


# -- act ----------------------------------------------------------------------------------------------------


@node(State)
async def act(state: State, node: Node) -> Update:
    """Write the current step: an effect, a task, a timer or a change of hands. Delivery is somebody else's work."""
    progress = state["progress"]
    proposal = await approvals.get_proposal(node.conn, progress.proposal_id or "")
    if proposal["payload_hash"] != progress.payload_hash:
        raise InvalidRequest("the stored proposal is not the one that was approved")
    step = Step.model_validate(proposal["content"]["steps"][progress.step])
    waits_for = await _WRITERS[step.kind](node, progress, step)
    await node.change_case(
        "case.step",
        {"step": step.name, "kind": step.kind, "type": step.type, "ref": waits_for},
        phase="EXECUTING",
        owner_role=step.to if step.kind == "assign" else None,
    )
    return _to(
        progress,
        waits_for=waits_for,
        expects=step.expects,
        timeout_minutes=step.timeout_minutes,
        answer={"kind": step.kind, **({"blocked": True} if progress.answer.get("blocked") else {})},
    )


async def _write_message(node: Node, progress: Progress, step: Step) -> str:
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
            workflow="settlement",
            seen_seq=progress.seen_seq,
        ),
    )
    await _remember_reference(node, step)
    return str(row["id"])


async def _remember_reference(node: Node, step: Step) -> None:
    """A status about an instruction we send must find this case, whatever reference it quotes."""
    if step.type in messages.supported():
        case = await cases.get(node.conn, node.context.case_id)
        await cases.add_references(node.conn, case, [i.our_ref for i in messages.parse(step.payload).items])


async def _write_task(node: Node, progress: Progress, step: Step) -> str:
    row = await tasks.put(
        node.conn,
        case_id=node.context.case_id,
        thread_id=node.context.thread_id,
        source=progress.source or "",
        step=step.name,
        kind=step.type,
        role=step.to,
        text=step.payload,
    )
    return str(row["id"])


async def _write_nothing(node: Node, progress: Progress, step: Step) -> str:
    return ""


_WRITERS = {"message": _write_message, "task": _write_task, "timer": _write_nothing, "assign": _write_nothing}


# -- wait for the outside -------------------------------------------------------------------------------------


def wait_delivery(state: State) -> Update:
    progress = state["progress"]
    return _to(progress, answer=gate.pause("effect", ref=progress.waits_for or "", seen_seq=progress.seen_seq))


def wait_confirmation(state: State) -> Update:
    progress = state["progress"]
    return _to(
        progress,
        answer=gate.pause(
            "external",
            ref=f"{progress.source}:{progress.step}",
            seen_seq=progress.seen_seq,
            expects=list(progress.expects),
            timeout_minutes=progress.timeout_minutes,
        ),
    )


def wait_task(state: State) -> Update:
    progress = state["progress"]
    again = bool(progress.answer.get("blocked"))
    answer = gate.pause("task", ref=progress.waits_for or "", seen_seq=progress.seen_seq)
    if answer["type"] == "done":
        answer = {**answer, "again": again or bool((answer.get("result") or {}).get("again"))}
    return _to(progress, answer=answer)


@node(State)
async def take_answer(state: State, node: Node) -> Update:
    """What came back from outside: go on with the next step, wait on, look again, or be done."""
    progress = state["progress"]
    match progress.answer["type"]:
        case "timeout":
            return await _overdue(progress, node)
        case "refresh":
            return await _changed(progress, node)
        case "delivered":
            await _record_instruction(node, progress)
            await node.change_case(
                "case.awaiting",
                {"effect_id": progress.waits_for, "expects": list(progress.expects)},
                phase="AWAITING_EXTERNAL",
            )
            return _to(progress, answer={"go": "confirm" if progress.expects else "next"})
        case "done":
            node.log(
                "task.result",
                {
                    "task_id": progress.waits_for,
                    "by": progress.answer.get("by"),
                    "result": progress.answer.get("result"),
                },
            )
            return _to(progress, answer={"go": "again" if progress.answer.get("again") else "next"})
        case other:
            node.log("effect.ended", {"effect_id": progress.waits_for, "how": other})
            return _to(progress, answer={"go": "again"})


async def _changed(progress: Progress, node: Node) -> Update:
    """A new status: the confirmation of this step, the end of the exception, or something new to look at."""
    found = await gather(node.conn, node.context.case_id, rejected=progress.rejected)
    status = found.facts.status
    delivered = await _delivered(node, progress)
    if status is not None and delivered and codes.confirms(status, progress.expects):
        node.log("step.confirmed", {"step": progress.step, "by": list(codes.labels(status))})
        await tasks.cancel_of_thread(node.conn, node.context.thread_id)
        return _to(progress, seen_seq=found.seen_seq, answer={"go": "next"})
    return _to(progress, answer={"go": "again"})


async def _delivered(node: Node, progress: Progress) -> bool:
    sent = await effects.delivered_of_case(node.conn, node.context.case_id)
    return any(str(e["id"]) == progress.waits_for for e in sent)


async def _record_instruction(node: Node, progress: Progress) -> None:
    """The receiver has our replacement: from now on it is the instruction on file."""
    proposal = await approvals.get_proposal(node.conn, progress.proposal_id or "")
    if progress.step + 1 < progress.steps or progress.action is None:
        return
    found = await gather(node.conn, node.context.case_id)
    action = ACTIONS[progress.action]
    new = action.replacement(found.facts, action.params.model_validate(proposal["content"]["params"]))
    if new is not None:
        await book.put(node.conn, new.kind, [new], log.WORKER)


async def _overdue(progress: Progress, node: Node) -> Update:
    """Nothing came in time. A chaser is sent again (by people's leave); a timer is over; anything else is a task
    for people while the wait goes on: what was sent may still be confirmed, so it is never sent again."""
    if progress.action == "CHASE":
        node.log("chase.unanswered", {"minutes": progress.timeout_minutes})
        return _to(progress, answer={"go": "again"})
    if not progress.expects:
        return _to(progress, answer={"go": "next"})
    await tasks.put(
        node.conn,
        case_id=node.context.case_id,
        thread_id=node.context.thread_id,
        source=node.key("overdue"),
        step="overdue",
        kind="confirmation_overdue",
        role="ops_analyst",
        text=f"No {' or '.join(progress.expects)} for step {progress.step + 1} of {progress.action} within "
        f"{progress.timeout_minutes} minutes: ask the custodian.",
    )
    node.log("confirmation.overdue", {"expects": list(progress.expects), "minutes": progress.timeout_minutes})
    return _to(progress, answer={"go": "confirm"}, timeout_minutes=progress.timeout_minutes * 2)


@node(State)
async def next_step(state: State, node: Node) -> Update:
    """The step is done: the next one, the end, or another look where the action ends nothing by itself (WAIT)."""
    progress = state["progress"]
    following = progress.step + 1
    if following < progress.steps:
        return _to(progress, step=following, answer={"go": "act"})
    node.log("action.done", {"action": progress.action})
    confirmed = bool(progress.steps and progress.expects)
    if confirmed or (progress.action and ACTIONS[progress.action].ends_case):
        return _to(progress, step=following, outcome="resolved", reason=f"{progress.action} is done", answer={})
    return _to(progress, step=following, answer={"go": "again"})


@node(State)
async def close(state: State, node: Node) -> Update:
    """The last words of the thread; the run's finish ends thread and case together."""
    progress = state["progress"]
    await node.change_case(
        "case.closing",
        {"outcome": progress.outcome, "reason": progress.reason},
        phase="RESOLVED" if progress.outcome == "resolved" else None,
    )
    return _to(progress)
