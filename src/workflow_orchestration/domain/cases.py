"""A case's phases and statuses, its key, and which message items open one. Light: the api asks on every POST."""

from __future__ import annotations

import re
from enum import StrEnum

from workflow_orchestration.domain import codes, quality
from workflow_orchestration.domain.errors import Conflict
from workflow_orchestration.domain.records import MessageItem


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
#: Out of every phase in which there is work: a newer status is looked at, compliance stops it, the run fails or a
#: person passes it up, the opener cancels or the deadline comes.
_ANY_TIME = frozenset({_P.INVESTIGATING, _P.STOPPED, _P.ESCALATED, _P.CANCELLED})

#: Phase -> phases that may follow; nothing else is legal. Phases may be passed in one step of work (a node that
#: normalises, triages and investigates writes INVESTIGATING), and what needs no approval goes to EXECUTING.
EDGES: dict[Phase, frozenset[Phase]] = {
    _P.RECEIVED: frozenset({_P.NORMALISED, _P.REJECTED_INPUT}) | _ANY_TIME,
    _P.NORMALISED: frozenset({_P.TRIAGED}) | _ANY_TIME,
    _P.TRIAGED: frozenset({_P.PROPOSED}) | _ANY_TIME,
    _P.INVESTIGATING: frozenset({_P.PROPOSED, _P.RESOLVED}) | _ANY_TIME,
    _P.PROPOSED: frozenset({_P.AWAITING_APPROVAL, _P.EXECUTING}) | _ANY_TIME,
    _P.AWAITING_APPROVAL: frozenset({_P.APPROVED, _P.PROPOSED, _P.CLOSED}) | _ANY_TIME,
    _P.APPROVED: frozenset({_P.EXECUTING, _P.RESOLVED}) | _ANY_TIME,
    _P.EXECUTING: frozenset({_P.AWAITING_EXTERNAL, _P.RESOLVED}) | _ANY_TIME,
    _P.AWAITING_EXTERNAL: frozenset({_P.EXECUTING, _P.RESOLVED}) | _ANY_TIME,
    _P.STOPPED: frozenset({_P.PROPOSED, _P.AWAITING_APPROVAL, _P.RESOLVED}) | _ANY_TIME,
    _P.ESCALATED: frozenset({_P.PROPOSED, _P.AWAITING_APPROVAL, _P.RESOLVED, _P.REOPENED}) | _ANY_TIME,
    _P.RESOLVED: frozenset({_P.CLOSED, _P.REOPENED}) | _ANY_TIME,
    _P.CLOSED: frozenset({_P.REOPENED}),
    _P.REOPENED: frozenset({_P.NORMALISED}) | _ANY_TIME,
    _P.CANCELLED: frozenset({_P.REOPENED}),
    _P.REJECTED_INPUT: frozenset(),
}


def check_edge(before: Phase, after: Phase) -> None:
    """Refuse a move that the table does not list; staying is no move."""
    if before is after or after in EDGES[before]:
        return
    allowed = ", ".join(sorted(EDGES[before])) or "nothing: it is final"
    raise Conflict(f"A case cannot go from {before} to {after}; after {before} may come: {allowed}.")


#: Messages we derive from an instruction: R replaces it, X cancels it, M modifies it, C chases it.
_DERIVED = re.compile(r"(-[RXMC][0-9]{1,3})+$")
_REPLACEMENT = re.compile(r"-R([0-9]{1,3})$")
#: SWIFT's 16x; what we append must still fit.
_REFERENCE_LENGTH = 16


def base_reference(reference: str) -> str:
    """The reference that a case is keyed by: what we derive from an instruction belongs to its case."""
    return _DERIVED.sub("", reference)


def replacement_reference(reference: str) -> str | None:
    """ "WO-1" is replaced by "WO-1-R1", that by "WO-1-R2"; None when it would be too long for SWIFT."""
    found = _REPLACEMENT.search(reference)
    return _fitting(f"{base_reference(reference)}-R{int(found[1]) + 1 if found else 1}")


def derived_reference(reference: str, letter: str, items: tuple[MessageItem, ...]) -> str | None:
    """A reference for a message about `reference`, numbered by the status changes so far: no clock, and a second
    try after a new status has a number of its own. None when it would be too long for SWIFT."""
    return _fitting(f"{reference}-{letter}{max(1, status_changes(items))}")


def _fitting(reference: str) -> str | None:
    return reference if len(reference) <= _REFERENCE_LENGTH else None


def case_key(item: MessageItem, account: str | None) -> str:
    """account/reference, unique for ever within the workflow; without a reference, this very item of its message."""
    named = item.previous_ref if item.function == "CANC" and item.previous_ref else item.reference
    reference = base_reference(named) if named else f"{item.sender_ref}#{item.n}"
    return f"{account or 'unassigned'}/{reference}"


def _said(item: MessageItem) -> tuple[object, ...]:
    """What must be equal for a newer item to say nothing new: everything but references, lines and times."""
    statuses = sorted(item.statuses, key=lambda status: status.model_dump_json())
    return (
        item.kind, statuses, item.isin, item.quantity, item.amount, item.price, item.trade_date,
        item.settlement_date, item.movement, item.payment, item.partial, item.hold,
    )  # fmt: skip


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


def status_changes(items: tuple[MessageItem, ...]) -> int:
    """How often the external status has been news, the first time included."""
    stated = [item for item in items if item.kind in ("status", "confirmation")]
    return sum(n == 0 or not same_status(stated[n - 1], item) for n, item in enumerate(stated))


def first_said(items: tuple[MessageItem, ...], newest: MessageItem) -> MessageItem:
    """The item that first stated what `newest` repeats: evidence does not move when a status is only renewed."""
    first = newest
    for item in reversed([i for i in items if i.kind == newest.kind]):
        if not same_status(item, newest):
            break
        first = item
    return first
