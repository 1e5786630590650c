"""The hard rules of W1, R1-R9: what must never happen to a settlement instruction."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from workflow_orchestration.domain import book, codes, diff, projection
from workflow_orchestration.domain.messages import compose
from workflow_orchestration.domain.messages.compare import changed_fields
from workflow_orchestration.domain.playbook import UNDER_STOP
from workflow_orchestration.domain.validators.base import Context, Verdict, verdict

#: Chasers to one contact about one case in a business day.
CHASES_A_DAY = 3
_NO_REPLACEMENT: Verdict = ("NOT_APPLICABLE", "no instruction is replaced")


def follows_trade(context: Context) -> Verdict:
    """R1: no economic field moves away from the booked trade."""
    trade, replacement = context.facts.trade, context.replacement
    if replacement is None:
        return _NO_REPLACEMENT
    if trade is None:
        return "NOT_RUN", "no trade on file to follow"
    booked, new = diff.of_trade(trade), diff.of_instruction(replacement)
    faults = [
        f"{field} would be {getattr(new, field)}, the trade has {getattr(booked, field)}"
        for field in diff.Terms.model_fields
        if None not in (getattr(new, field), getattr(booked, field)) and getattr(new, field) != getattr(booked, field)
    ]
    return verdict(faults, f"the replacement agrees with trade {trade.trade_ref}")


def not_matched(context: Context) -> Verdict:
    """R2: a matched instruction is bilateral; cancelling it needs the counterparty's recorded agreement."""
    instruction = context.facts.instruction
    if context.replacement is None or instruction is None:
        return _NO_REPLACEMENT
    if not codes.matched(context.facts.items, by_book=instruction.matched):
        return "PASS", f"{instruction.our_ref} is not matched"
    agreement = context.params.get("cpty_agreement_ref")
    if agreement:
        return "PASS", f"{instruction.our_ref} is matched; agreement recorded as {agreement}"
    return "FAIL", f"{instruction.our_ref} is matched and no agreement of the counterparty is recorded"


def still_open(context: Context) -> Verdict:
    """R3: nothing is sent about an instruction that has settled or was cancelled."""
    status = context.facts.status
    if status is None:
        return "NOT_RUN", "no external status was ever stated"
    over = codes.ended(status)
    if over is None:
        return "PASS", "the newest status says neither settled nor cancelled"
    if codes.confirms(status, context.expected_meanwhile()):
        return "PASS", f"{over}, as the step before was to bring about"
    return "FAIL", f"the newest status says {over}"


def covered(context: Context) -> Verdict:
    """R4: a release needs the stock or cash."""
    if context.action != "RELEASE":
        return "NOT_APPLICABLE", "nothing is released"
    cover = projection.cover(context.facts)
    if cover.enough is None:
        return "NOT_RUN", cover.detail
    return ("PASS" if cover.enough else "FAIL"), cover.detail


def partial_agreed(context: Context) -> Verdict:
    """R5: both sides accept parts, and what can be delivered is a multiple of the lot."""
    if context.action != "SET_PARTIAL":
        return "NOT_APPLICABLE", "no partial indicator is set"
    if context.params.get("partial") == "NPAR":
        return "PASS", "parts are forbidden, not asked for"
    theirs, security = context.facts.latest("allegement"), context.facts.security
    if theirs is None or theirs.partial is None:
        return "NOT_RUN", "the other side's partial indicator is not on file"
    if theirs.partial != "PART":
        return "FAIL", f"the other side's partial indicator is {theirs.partial}"
    return _whole_lots(context, security)


def _whole_lots(context: Context, security: book.Security | None) -> Verdict:
    instruction, stock = context.facts.instruction, context.facts.stock
    if security is None or instruction is None:
        return "NOT_RUN", "no security or no instruction on file: the lot is not known"
    delivers = diff.TERMS_OF_TYPE[instruction.message_type][0] == "DELI"
    if delivers and stock is None:
        return "NOT_RUN", f"no position of {instruction.isin} on file"
    part = min(stock.available, instruction.quantity.value) if delivers and stock else instruction.quantity.value
    said = f"{diff.number(part)} in lots of {diff.number(security.lot)}"
    if part <= 0:
        return "FAIL", f"nothing can be delivered: {said}"
    return ("FAIL" if part % security.lot else "PASS"), said


def only_approved_fields(context: Context) -> Verdict:
    """R6: normalised field by field, the replacement differs from ours in the approved fields and no others."""
    facts = context.facts
    sent = next((step.payload for step in context.steps if step.name == "replace"), None)
    if context.replacement is None or facts.instruction is None or facts.account is None or sent is None:
        return _NO_REPLACEMENT
    held = compose.instruction(
        facts.instruction, prepared=facts.opened_at, sender=facts.account.own_bic,
        receiver=facts.account.custodian_bic,
    )  # fmt: skip
    changed = set(changed_fields(held, sent))
    approved = {change["field"] for change in context.params.get("changes", ())}
    faults = [f"{field} would change and is not approved" for field in sorted(changed - approved)]
    faults += [f"{field} is approved and would not change" for field in sorted(approved - changed)]
    return verdict(faults, f"only {', '.join(sorted(approved))} would change")


def chases_left(context: Context) -> Verdict:
    """R7: few chasers a day, and only to the contact on file."""
    if context.action != "CHASE":
        return "NOT_APPLICABLE", "no chaser is sent"
    facts = context.facts
    strangers = {step.to for step in context.steps} - {facts.contact.address if facts.contact else None}
    faults = [f"{address} is not the address on file" for address in sorted(strangers)]
    zone = ZoneInfo(facts.market.time_zone if facts.market else "UTC")
    today = facts.now.astimezone(zone).date()
    sent = sum(chase.at.astimezone(zone).date() == today for chase in facts.chases)
    faults += [f"{sent} chasers went today, {CHASES_A_DAY} are allowed"] if sent >= CHASES_A_DAY else []
    return verdict(faults, f"{sent} of {CHASES_A_DAY} chasers went today, and the contact is on file")


def no_legal_stop(context: Context) -> Verdict:
    """R8: under a legal stop people note and escalate, nothing else."""
    if not context.assessment.stop:
        return "PASS", "no legal stop"
    if context.action in UNDER_STOP:
        return "PASS", f"legal stop: {context.action} is still allowed"
    return "FAIL", f"legal stop: {context.action} is not allowed"


def parties_untouched(context: Context) -> Verdict:
    """R9: W1 never edits parties; a wrong one is a settlement-instruction matter of its own."""
    instruction, replacement = context.facts.instruction, context.replacement
    if replacement is None or instruction is None:
        return _NO_REPLACEMENT
    if context.assessment.root_cause == "SSI_PARTY":
        return "FAIL", "the root cause is SSI_PARTY: no replacement from here"
    faults = [] if replacement.parties == instruction.parties else ["the replacement's parties differ"]
    return verdict(faults, "the parties stay as they are")
