"""One proposal for a whole group: what is known of it, the action, its texts, the answers of the validators."""

from __future__ import annotations

from decimal import Decimal

from workflow_orchestration.domain import book as books
from workflow_orchestration.domain import groups, propose, tiers, validators
from workflow_orchestration.domain.actions import ACTIONS
from workflow_orchestration.domain.actions.base import Step
from workflow_orchestration.domain.canonical import canonical, plain, sha256
from workflow_orchestration.domain.errors import InvalidRequest
from workflow_orchestration.domain.facts import Evidence, Facts, Tier
from workflow_orchestration.domain.groups import Group
from workflow_orchestration.store import book, cases
from workflow_orchestration.store.db import Conn

#: Validators that gate a group's chaser before it is shown, and again just before a message leaves.
GATES = {"proposal": ("V09", "V11"), "decision": ("V12", "V14"), "delivery": ("V08", "V09", "V14", "W1-R8")}
#: Own tier by action; amounts raise it.
_TIERS = {"CHASE": Tier.T1, "TASK": Tier.T0}


async def gather(conn: Conn, case_id: str) -> tuple[Group, Facts]:
    """The group, and what the book says now of its account, contact and market."""
    case = await cases.get(conn, case_id)
    group = Group.model_validate(case["input"])
    account = await book.find(conn, books.Account, group.account)
    contact = await book.find(conn, books.Contact, account[0].contact if account else None)
    market = await book.find(conn, books.Market, account[0].market if account else None)
    facts = Facts(
        case_id=case_id,
        now=case["now"],
        opened_at=case["created_at"],
        status_as_of=None,
        items=(),
        account=account and account[0],
        contact=contact and contact[0],
        market=market and market[0],
        sanctions=tuple(await book.find_all(conn, books.Sanction)),
        named=tuple(dict.fromkeys(line.counterparty for line in group.lines if line.counterparty)),
    )
    return group, facts


async def exposure(conn: Conn, group: Group) -> str | None:
    """All amounts in EUR together; None when one has no rate: half a picture would pass for a small one."""
    rates = {fx.ccy: fx.eur for fx in await book.find_all(conn, books.Fx)} | {"EUR": Decimal(1)}
    amounts = [line.amount for line in group.lines if line.amount]
    if not amounts or any(amount.ccy not in rates for amount in amounts):
        return None
    total = sum((abs(amount.value) * rates[amount.ccy] for amount in amounts), Decimal(0))
    return format(total.quantize(Decimal("0.01")), "f")


def choose(group: Group, facts: Facts, eur: str | None, *, rejected: bool) -> propose.Proposal:
    """CHASE where somebody else has to say something, else TASK; TASK too when a gate forbids the chaser."""
    action, why = groups.action(group, facts.contact)
    if rejected:
        action, why = "TASK", "people turned the chaser down"
    try:
        built = _build(group, facts, eur, action, why)
    except InvalidRequest as error:  # a reference, say, that SWIFT's character set does not have
        return _build(group, facts, eur, "TASK", f"the chaser cannot be written: {error.detail}")
    if blocked := built.blocked_by():
        named = "; ".join(f"{o.validator} {o.outcome}: {o.detail}" for o in blocked)
        return _build(group, facts, eur, "TASK", f"CHASE is blocked by {named}")
    return built


def _build(group: Group, facts: Facts, eur: str | None, action: str, why: str) -> propose.Proposal:
    assessment = groups.assessment(group, action, eur)
    steps = _steps(group, facts, action, why)
    raised = tiers.raised(_TIERS[action], facts, assessment)
    context = validators.Context(
        facts=facts, assessment=assessment, action=action, tier=raised.tier, steps=steps,
        params={"account": group.account, "cause": group.cause, "references": [x.reference for x in group.lines]},
    )  # fmt: skip
    lines = canonical(plain(group.lines))
    evidence = (
        Evidence(id="group", source=f"book, as of sweep {group.sweep}", excerpt=lines[:500].decode(),
                 sha256=sha256(lines)),
    )  # fmt: skip
    outcomes = validators.run(GATES["proposal"], context) if action == "CHASE" else ()
    return propose.Proposal(
        action=action, params=context.params, tier=raised.tier, tier_reasons=raised.reasons,
        summary=f"{action}: {groups.task_text(group, why)}"[:400],
        rationale=f"{group.cause}: {groups.meaning(group)}. {ACTIONS[action].about} {why}.",
        diff=(), evidence=evidence, steps=steps, outcomes=outcomes, alternatives=("TASK",) if action == "CHASE" else (),
        penalty_per_day=None,
        payload_hash=propose.payload_hash(context, evidence, outcomes, gates=GATES["proposal"]),
    )  # fmt: skip


def _steps(group: Group, facts: Facts, action: str, why: str) -> tuple[Step, ...]:
    if action == "TASK" or facts.account is None or facts.contact is None:
        text = groups.task_text(group, why)
        return (Step(name="task", kind="task", type=group.cause, payload=text, to="ops_analyst"),)
    # SWIFT's 16x: the case's last eight characters and the message's number
    reference = f"G{facts.case_id.replace('-', '')[-10:].upper()}"
    return groups.chasers(group, facts.account, facts.contact, reference=reference)
