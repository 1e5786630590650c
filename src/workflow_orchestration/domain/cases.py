"""A case's phases and statuses, its key, and which message items open one. Light: the api asks on every POST."""

from __future__ import annotations

import re
from enum import StrEnum

from workflow_orchestration.domain import codes, quality
from workflow_orchestration.domain.errors import Conflict
from workflow_orchestration.domain.records import MessageItem, Record


class CaseStatus(StrEnum):
    """Open, or how it ended; expired only at a deadline that its opener gave."""

    OPEN = "open"
    RESOLVED = "resolved"
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Phase(StrEnum):
    """Where the work stands, for people; the status says whether there is work at all."""

    RECEIVED = "RECEIVED"
    NORMALISED = "NORMALISED"
    TRIAGED = "TRIAGED"
    INVESTIGATING = "INVESTIGATING"
    PROPOSED = "PROPOSED"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    APPROVED = "APPROVED"
    EXECUTING = "EXECUTING"
    AWAITING_EXTERNAL = "AWAITING_EXTERNAL"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"
    REJECTED_INPUT = "REJECTED_INPUT"
    STOPPED = "STOPPED"
    ESCALATED = "ESCALATED"
    CANCELLED = "CANCELLED"
    REOPENED = "REOPENED"


_P = Phase
#: Out of every phase in which somebody works: a supervisor or compliance takes over, the opener cancels, or a
#: newer status re-runs the triage.
_ANY_TIME = frozenset({_P.STOPPED, _P.ESCALATED, _P.CANCELLED, _P.NORMALISED})

#: Phase -> phases that may follow. Nothing else is legal; CANCELLED and REJECTED_INPUT are final.
EDGES: dict[Phase, frozenset[Phase]] = {
    _P.RECEIVED: frozenset({_P.NORMALISED, _P.REJECTED_INPUT, _P.CANCELLED}),
    _P.NORMALISED: frozenset({_P.TRIAGED, _P.STOPPED, _P.ESCALATED, _P.CANCELLED}),
    _P.TRIAGED: frozenset({_P.INVESTIGATING, _P.PROPOSED}) | _ANY_TIME,
    _P.INVESTIGATING: frozenset({_P.PROPOSED}) | _ANY_TIME,
    _P.PROPOSED: frozenset({_P.AWAITING_APPROVAL, _P.APPROVED}) | _ANY_TIME,
    _P.AWAITING_APPROVAL: frozenset({_P.APPROVED, _P.PROPOSED, _P.INVESTIGATING, _P.CLOSED}) | _ANY_TIME,
    _P.APPROVED: frozenset({_P.EXECUTING}) | _ANY_TIME,
    _P.EXECUTING: frozenset({_P.AWAITING_EXTERNAL, _P.RESOLVED}) | _ANY_TIME,
    _P.AWAITING_EXTERNAL: frozenset({_P.EXECUTING, _P.RESOLVED, _P.INVESTIGATING}) | _ANY_TIME,
    _P.STOPPED: frozenset({_P.AWAITING_APPROVAL, _P.NORMALISED, _P.ESCALATED, _P.RESOLVED, _P.CANCELLED}),
    _P.ESCALATED: frozenset({_P.NORMALISED, _P.PROPOSED, _P.AWAITING_APPROVAL, _P.RESOLVED, _P.CANCELLED}),
    _P.RESOLVED: frozenset({_P.CLOSED, _P.REOPENED}),
    _P.CLOSED: frozenset({_P.REOPENED}),
    _P.REOPENED: frozenset({_P.NORMALISED, _P.CANCELLED}),
    _P.CANCELLED: frozenset(),
    _P.REJECTED_INPUT: frozenset(),
}


def check_edge(before: Phase, after: Phase) -> None:
    """Refuse a move that the table does not list; staying is no move."""
    if before is after or after in EDGES[before]:
        return
    allowed = ", ".join(sorted(EDGES[before])) or "nothing: it is final"
    raise Conflict(f"A case cannot go from {before} to {after}; after {before} may come: {allowed}.")


#: Messages we derive from an instruction: R replaces it, X cancels it, M modifies it.
_DERIVED = re.compile(r"-([RXM])([0-9]{1,3})$")
#: SWIFT's 16x; what we append must still fit.
_REFERENCE_LENGTH = 16


def base_reference(reference: str) -> str:
    """The reference that a case is keyed by: what we derive from an instruction belongs to its case."""
    return _DERIVED.sub("", reference)


def derived_reference(reference: str, letter: str) -> str | None:
    """The next reference of that kind ("WO-1" gives "WO-1-R1", "WO-1-R1" gives "WO-1-R2"); None when too long."""
    found = _DERIVED.search(reference)
    number = int(found[2]) + 1 if found and found[1] == letter else 1
    derived = f"{base_reference(reference)}-{letter}{number}"
    if found and found[1] == "R" and letter != "R":
        derived = f"{reference}-{letter}1"
    return derived if len(derived) <= _REFERENCE_LENGTH else None


def case_key(item: MessageItem, account: str | None) -> str:
    """account/reference, unique for ever within the workflow; without a reference, this very item of its message."""
    named = item.previous_ref if item.function == "CANC" and item.previous_ref else item.reference
    reference = base_reference(named) if named else f"{item.sender_ref}#{item.n}"
    return f"{account or 'unassigned'}/{reference}"


class SameStatus(Record):
    """What must be equal for a newer item to say nothing new: everything but references, lines and times."""

    kind: str
    statuses: tuple[str, ...]
    economics: tuple[str, ...]


def _said(item: MessageItem) -> SameStatus:
    statuses = sorted(status.model_dump_json() for status in item.statuses)
    economics = (
        item.isin, item.quantity, item.amount, item.price, item.trade_date, item.settlement_date, item.movement,
        item.payment, item.partial, item.hold, item.penalty and item.penalty.type,
    )  # fmt: skip
    return SameStatus(kind=item.kind, statuses=tuple(statuses), economics=tuple(map(repr, economics)))


def same_status(a: MessageItem, b: MessageItem) -> bool:
    """Does `b` only repeat `a`? Then it renews the case's `as_of` and changes nothing else."""
    return _said(a) == _said(b)


def opens_case(item: MessageItem, *, has_instruction: bool) -> str | None:
    """Why this item opens a case, or None; `has_instruction`: the book knows our instruction for it.

    An item whose case exists joins it whatever this says.
    """
    if item.kind == "status":
        found = codes.classify(item.statuses)
        if found.exception:
            return f"{found.root_cause}: {found.notes[0]}"
    if item.kind == "allegement" and not has_instruction:
        return "UNINSTRUCTED: alleged by the other side, and no instruction of ours is on file"
    if faults := quality.data_faults(item):
        return f"DATA_QUALITY: {faults[0]}"
    return None


_NO_CASE = {
    "instruction": "an instruction of ours with nothing wrong in it; kept for comparison",
    "allegement": "alleged against an instruction on file; kept for comparison",
    "confirmation": "a settlement confirmation, and no case is open for it",
    "status": "a status that reports no exception",
}


def no_case_reason(item: MessageItem) -> str:
    """Why an item that `opens_case` turned down has no case: stored beside it."""
    stated = ", ".join(codes.labels(item))
    return f"{_NO_CASE[item.kind]} ({stated})" if stated else _NO_CASE[item.kind]
