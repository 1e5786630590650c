"""What is wrong, whose fault it is, and what is usually done about it: from codes and comparison alone."""

from __future__ import annotations

from decimal import Decimal

from workflow_orchestration.domain import codes, diff, exposure, injection, quality, sanctions
from workflow_orchestration.domain.actions.base import Assessment
from workflow_orchestration.domain.codes import COMPARE, Classification
from workflow_orchestration.domain.facts import DiffRow, Facts, FaultSide

#: Chasers after which an absent counterparty goes to a supervisor.
_CHASES_BEFORE_ESCALATION = 2
#: Field that differs -> root cause, when no code names one.
_CAUSE_OF_FIELD = {
    "amount": "ECON_AMOUNT", "price": "ECON_AMOUNT", "quantity": "ECON_QTY",
    "settlement_date": "ECON_DATE", "trade_date": "ECON_DATE",
}  # fmt: skip


def assess(facts: Facts) -> Assessment:
    """The findings every action starts from."""
    rows = diff.compare(facts)
    found = _classification(facts, rows)
    fault, action, why = _decide(facts, found, rows)
    hits = sanctions.screen(facts)
    stop = found.stop or bool(hits)
    suspicions = injection.suspected(text for item in facts.items for text in injection.free_texts(item))
    stake = exposure.exposure_eur(facts)
    return Assessment(
        root_cause=found.root_cause,
        fault_side=fault,
        codes=found.codes,
        default_action="ESCALATE" if stop else action,
        diff=rows,
        exposure_eur=None if stake is None else format(stake, "f"),
        notes=(
            *found.notes,
            *why,
            *(f"Possible sanctions match: {hit.screened} and {hit.entry} (score {hit.score})" for hit in hits),
            *(f"Narrative reads like an instruction: {name}" for name in suspicions),
            *_faults(facts),
            *_missing(facts),
            *_stake(facts, found.root_cause, stake),
        ),
        stop=stop,
        suspected_injection=bool(suspicions),
    )


def _classification(facts: Facts, rows: tuple[DiffRow, ...]) -> Classification:
    """The newest status's codes; without an exception there, what the other items show."""
    status = facts.status
    if status is not None:
        found = codes.classify(status.statuses)
        if found.exception or codes.ended(status) or "MTCH/MACH" in codes.labels(status):
            return found if found.exception else _quality(facts) or found
    if not facts.items:
        return _plain("OTHER", "TASK", "no message is on this case; a person says what it is about")
    if facts.latest("allegement") and facts.instruction is None:
        return _uninstructed(facts)
    if facts.latest("allegement") and rows:
        cause = _CAUSE_OF_FIELD.get(rows[0].field, "ECON_TERMS")
        return _plain(cause, COMPARE, f"the allegement and our side differ in {rows[0].field}")
    return _quality(facts) or codes.NO_EXCEPTION


def _uninstructed(facts: Facts) -> Classification:
    if facts.trade is None:
        return _plain("UNINSTRUCTED", "DESK_QUERY", "alleged by the other side, and no trade is on file")
    found = _plain("UNINSTRUCTED", "TASK", f"trade {facts.trade.trade_ref} is on file, but we have not instructed it")
    return found.model_copy(update={"fault": FaultSide.OWN})


def _quality(facts: Facts) -> Classification | None:
    faults = _faults(facts)
    return _plain("DATA_QUALITY", "TASK", "no exception code, but bad data") if faults else None


def _plain(root_cause: str, action: str, note: str) -> Classification:
    return Classification(root_cause=root_cause, fault=FaultSide.UNKNOWN, action=action, notes=(note,))


def _decide(facts: Facts, found: Classification, rows: tuple[DiffRow, ...]) -> tuple[FaultSide, str, tuple[str, ...]]:
    """Fault side, action by name, and notes that explain them."""
    if found.action == COMPARE:
        return _compared(facts, rows)
    if found.root_cause == "CPTY_ABSENT" and len(facts.chases) >= _CHASES_BEFORE_ESCALATION:
        return found.fault, "ESCALATE", (f"{len(facts.chases)} chasers brought no instruction",)
    return found.fault, found.action, ()


def _compared(facts: Facts, rows: tuple[DiffRow, ...]) -> tuple[FaultSide, str, tuple[str, ...]]:
    if facts.trade is None:
        return FaultSide.UNKNOWN, "TASK", ("Without a trade on file nobody can say which side is right",)
    if facts.instruction is None and facts.latest("instruction") is None:
        return FaultSide.UNKNOWN, "TASK", ("Without our instruction on file there is nothing to compare",)
    side = diff.fault(rows)
    if side in (FaultSide.OWN, FaultSide.SHARED):
        return side, "CANCEL_REPLACE", ("Our instruction differs from the booked trade",)
    if side is FaultSide.CPTY:
        return side, "CHASE", ("Our instruction agrees with the booked trade; the other side's differs",)
    note = "Our instruction agrees with the booked trade; the other side's is not on file, the code says it differs"
    return FaultSide.CPTY, "CHASE", (note,)


def _missing(facts: Facts) -> tuple[str, ...]:
    newest = facts.latest()
    account = (newest.account if newest else None) or "an unnamed account"
    held = {
        f"account {account}": facts.account, "our instruction": facts.instruction, "the trade": facts.trade,
        "the security": facts.security, "a contact": facts.contact, "the market": facts.market,
    }  # fmt: skip
    return tuple(f"Not on file: {name}" for name, row in held.items() if row is None)


def _faults(facts: Facts) -> tuple[str, ...]:
    found = (f"{item.message_type}: {fault}" for item in facts.items for fault in quality.data_faults(item))
    return tuple(dict.fromkeys(found))


def _stake(facts: Facts, root_cause: str, stake: Decimal | None) -> tuple[str, ...]:
    daily = exposure.penalty_per_day(facts, root_cause)
    notes = [] if daily is None else [f"Predicted penalty: {diff.money(daily)} for each business day of failing"]
    return (*notes, "Exposure unknown: no amount that converts to EUR") if stake is None else tuple(notes)
