"""Cases as the worker leaves them, written by the functions it uses: what the pages are tested on.

No graph runs here: each step of the story is the rows that a node or a person's decision leaves.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import workflow_orchestration
from workflow_orchestration.domain import book as books
from workflow_orchestration.domain import messages, triage
from workflow_orchestration.domain.actions import ACTIONS
from workflow_orchestration.domain.canonical import plain
from workflow_orchestration.domain.facts import Tier
from workflow_orchestration.domain.propose import Proposal, propose
from workflow_orchestration.domain.roles import Principal, Role
from workflow_orchestration.store import approvals, book, cases, effects, log, tasks, threads, work
from workflow_orchestration.store import messages as inbox
from workflow_orchestration.store.approvals import Policy
from workflow_orchestration.store.db import Conn, Row
from workflow_orchestration.workflows.settlement.gather import Gathered, gather
from workflow_orchestration.workflows.settlement.rank import rank

SAMPLE = Path(workflow_orchestration.__file__).parent / "sample"
POLICY = Policy(approval_minutes=60, warning_minutes=15)
REQUESTER = Principal("u_ingest", frozenset({Role.EVENT_INGEST, Role.REQUESTER}), frozenset({"*"}))


@dataclass(frozen=True)
class Asked:
    """A case that waits for people."""

    case_id: str
    thread_id: str
    approval_id: str
    payload_hash: str


async def load_book(conn: Conn) -> None:
    for kind, rows in json.loads((SAMPLE / "book.json").read_text()).items():
        valid, errors = books.parse_rows(kind, rows)
        assert not errors
        await book.put(conn, kind, valid, REQUESTER.actor())


def message(name: str) -> str:
    return (SAMPLE / "messages" / f"{name}.fin").read_bytes().decode()


async def receive(conn: Conn, raw: str) -> str:
    """Accept one message; returns the case of its first item."""
    accepted = await inbox.accept(conn, messages.parse(raw), raw, REQUESTER)
    return str(accepted.items[0]["case_id"])


async def triaged(conn: Conn, case_id: str) -> Gathered:
    """What `investigate` leaves."""
    found = await gather(conn, case_id)
    assessment = triage.assess(found.facts)
    ranked = rank(found.facts, assessment)
    findings = plain(
        {
            "assessment": assessment,
            "priority": ranked.priority,
            "penalty_per_day": ranked.penalty,
            "book": found.facts.book_versions,
        }
    )
    await cases.change(
        conn,
        case_id,
        log.WORKER,
        "case.triaged",
        {"codes": list(assessment.codes)},
        phase="INVESTIGATING",
        findings=findings,
        root_cause=assessment.root_cause,
        fault_side=assessment.fault_side.value,
        exposure_eur=Decimal(assessment.exposure_eur or 0),
        priority=Decimal(ranked.priority.score),
        band=ranked.priority.band,
        cutoff_at=ranked.cutoff_at,
    )
    return found


async def asked(conn: Conn, *raw: str, tier: Tier | None = None) -> Asked:
    """Messages in, findings and a proposal stored, the run finished, an approval open."""
    case_id = [await receive(conn, text) for text in raw][-1]
    found = await triaged(conn, case_id)
    proposal = propose(found.facts, triage.assess(found.facts))
    thread = await cases.current_thread(conn, case_id, lock=True)
    await work.cancel_pending(conn, case_id, ("run",))
    row = await _store(conn, found, proposal, str(thread["id"]))
    return await ask(conn, row, tier or proposal.tier)


async def ask(conn: Conn, proposal: Row, tier: Tier) -> Asked:
    """The gate: a wait and its approval."""
    thread_id, interrupt = str(proposal["thread_id"]), uuid4().hex
    await threads.put_waits(conn, thread_id, [threads.Wait(interrupt, "approval", str(proposal["id"]), 10**9)])
    opened = await approvals.open_approval(
        conn, proposal, interrupt_id=interrupt, tier=tier, requester=REQUESTER.id, policy=POLICY
    )
    assert opened is not None
    await cases.change(conn, str(proposal["case_id"]), log.WORKER, "case.awaiting", phase="AWAITING_APPROVAL")
    return Asked(str(proposal["case_id"]), thread_id, str(opened["id"]), opened["payload_hash"])


async def _store(conn: Conn, found: Gathered, proposal: Proposal, thread_id: str) -> Row:
    action, proposal_id = ACTIONS[proposal.action], str(uuid4())
    content = {
        **plain(proposal),
        "gates": {k: list(v) for k, v in action.gates.items()},
        "editable": list(action.editable),
    }
    await approvals.put_proposal(
        conn,
        approvals.ProposalRow(
            id=proposal_id,
            case_id=str(found.case["id"]),
            thread_id=thread_id,
            action=proposal.action,
            tier=proposal.tier,
            content=content,
            payload_hash=proposal.payload_hash,
            makers=("u_maker",),
            seen_seq=found.seen_seq,
        ),
    )
    await approvals.put_validations(conn, proposal_id, "proposal", proposal.outcomes)
    await cases.change(
        conn,
        str(found.case["id"]),
        log.WORKER,
        "case.proposed",
        {"action": proposal.action, "payload_hash": proposal.payload_hash},
        phase="PROPOSED",
    )
    return await approvals.get_proposal(conn, proposal_id)


async def refused_effect(conn: Conn, on: Asked) -> str:
    """An effect that a rule has stopped: an operator's business."""
    row = await effects.put(
        conn,
        effects.NewEffect(
            case_id=on.case_id,
            thread_id=on.thread_id,
            source=on.approval_id,
            step="cancel",
            kind="message",
            receiver="file:.state/outbox",
            type="543",
            recipient="CUSTDEFFXXX",
            payload="text",
        ),
    )
    await effects.refuse(conn, str(row["id"]), {"rule": "W1-R3", "detail": "the instruction has settled"})
    return str(row["id"])


async def open_task(conn: Conn, on: Asked) -> str:
    row = await tasks.put(
        conn,
        case_id=on.case_id,
        thread_id=None,
        source=on.approval_id,
        step="question",
        kind="request_info",
        role="ops_analyst",
        text="Which amount did the desk agree?",
    )
    return str(row["id"])
