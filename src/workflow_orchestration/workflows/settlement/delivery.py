"""The rules that can go stale between approval and delivery, run again at the last moment."""

from __future__ import annotations

from workflow_orchestration.domain import triage, validators
from workflow_orchestration.domain.actions import ACTIONS
from workflow_orchestration.domain.actions.base import Step
from workflow_orchestration.domain.facts import Outcome, Tier
from workflow_orchestration.domain.records import MessageItem
from workflow_orchestration.store import approvals, cases
from workflow_orchestration.store.db import Conn, Row
from workflow_orchestration.workflows.settlement.gather import gather


async def check(conn: Conn, effect: Row) -> tuple[Outcome, ...]:
    """Gating answers of the delivery stage that forbid this effect now; all answers are stored with the proposal."""
    proposal = await approvals.get_proposal(conn, str(effect["proposal_id"]))
    approved = await approvals.hash_approved(conn, effect["source"])
    found = await gather(conn, str(effect["case_id"]))
    content = proposal["content"]
    steps = tuple(Step.model_validate(s) for s in content["steps"])
    sent = next((s.payload for s in steps if s.name == effect["step"]), None)
    context = validators.Context(
        facts=found.facts,
        assessment=triage.assess(found.facts),
        action=proposal["action"],
        params=content["params"],
        tier=Tier(proposal["tier"]),
        steps=steps,
        step=effect["step"],
        approved_hash=approved,
        proposed_hash=proposal["payload_hash"] if sent == effect["payload"] else "the stored message is another one",
        status_then=await _status_then(conn, str(effect["case_id"]), effect["seen_seq"]),
    )
    gates = ACTIONS[proposal["action"]].gates["delivery"]
    outcomes = validators.run(gates, context)
    await approvals.put_validations(conn, str(proposal["id"]), "delivery", outcomes)
    return validators.blocking(outcomes, gates)


async def _status_then(conn: Conn, case_id: str, seen_seq: int) -> MessageItem | None:
    """The status that the proposal was made on."""
    known = [MessageItem.model_validate(r["record"]) for r in await cases.items(conn, case_id) if r["seq"] <= seen_seq]
    return next((i for i in reversed(known) if i.kind in ("status", "confirmation")), None)
