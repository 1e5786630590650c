"""The rules that can go stale between approval and delivery of a group's chaser."""

from __future__ import annotations

from workflow_orchestration.domain import book as books
from workflow_orchestration.domain import groups, validators
from workflow_orchestration.domain.actions.base import Step
from workflow_orchestration.domain.facts import Outcome, Tier
from workflow_orchestration.store import approvals
from workflow_orchestration.store.db import Conn, Row
from workflow_orchestration.workflows.group import proposing


async def check(conn: Conn, effect: Row) -> tuple[Outcome, ...]:
    """Gating answers that forbid this message now; all answers are stored with the proposal."""
    proposal = await approvals.get_proposal(conn, str(effect["proposal_id"]))
    content = proposal["content"]
    steps = tuple(Step.model_validate(s) for s in content["steps"])
    sent = next((s.payload for s in steps if s.name == effect["step"]), None)
    group, facts = await proposing.gather(conn, str(effect["case_id"]))
    context = validators.Context(
        facts=facts,
        assessment=groups.assessment(group, proposal["action"], None),
        action=proposal["action"],
        params=content["params"],
        tier=Tier(proposal["tier"]),
        steps=steps,
        step=effect["step"],
        approved_hash=await approvals.hash_approved(conn, effect["source"]),
        proposed_hash=proposal["payload_hash"] if sent == effect["payload"] else "the stored message is another one",
    )
    gates = proposing.GATES["delivery"]
    outcomes = (*validators.run(gates, context), _contact(facts.contact, effect))
    await approvals.put_validations(conn, str(proposal["id"]), "delivery", outcomes)
    return validators.blocking(outcomes, (*gates, "W1-R7"))


def _contact(on_file: books.Contact | None, effect: Row) -> Outcome:
    """R7: only to the contact on file, as it is on file now."""
    same = on_file is not None and on_file.address == effect["recipient"]
    said = "the contact is on file" if same else f"{effect['recipient']} is not the address on file"
    return Outcome(validator="W1-R7", version="1.0", outcome="PASS" if same else "FAIL", detail=said)
