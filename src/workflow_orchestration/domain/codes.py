"""Settlement status codes: what each means for us, as data (settlement_codes.csv), and the worst of several.

The codes are ISO's (UnmatchedReason11Code; PendingReason24Code and FailingReason4Code together); cause, fault,
action and tier floor are the firm's policy. PEND and PENF share one set: the code says why, the status how late.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from workflow_orchestration.domain.facts import FaultSide, Tier
from workflow_orchestration.domain.records import MessageItem, Record, Status

#: Action column for economics: comparing ours with the booked trade decides (domain/triage.py).
COMPARE = "COMPARE"

#: Status "QUALIFIER/CODE" -> which reason codes explain it.
_REASON_SET = {"MTCH/NMAT": "NMAT", "SETT/PEND": "PEND", "SETT/PENF": "PEND"}
#: A PENF outranks an NMAT, an NMAT a PEND, when nothing else tells codes apart.
_LATENESS = {"SETT/PENF": 0, "MTCH/NMAT": 1, "SETT/PEND": 2}
#: Processing statuses that a person must read; their reasons are free of policy.
_REFUSED = {
    "IPRC/REJT": ("REJECTED", "our instruction was rejected"),
    "IPRC/REPR": ("REPAIR", "our instruction needs repair"),
    "CPRC/REJT": ("REJECTED", "our cancellation request was rejected"),
    "CPRC/DEND": ("REJECTED", "our cancellation request was denied"),
    "TPRC/REJT": ("REJECTED", "our modification was rejected"),
    "TPRC/DEND": ("REJECTED", "our modification was denied"),
}
#: Statuses that report progress, not an exception.
_PROGRESS = frozenset({"MTCH/MACH", "SETT/SETT"})
_PROGRESS_QUALIFIERS = frozenset({"IPRC", "CPRC", "TPRC"})
_ROOTS_BY_WEIGHT = (
    "LEGAL_STOP", "BUY_IN", "CPTY_DK", "ECON_TERMS", "ECON_AMOUNT", "ECON_QTY", "ECON_DATE", "SSI_PARTY", "REF_DUP",
    "OWN_STOCK", "OWN_CASH", "CPTY_STOCK", "CPTY_CASH", "HOLD", "LOT_PARTIAL", "DOCS_PHYSICAL", "SEC_EVENT",
    "CPTY_ABSENT", "LATE_OWN", "REJECTED", "REPAIR", "LINKED", "OTHER", "WAIT_INFO", "TIMING",
)  # fmt: skip


class CodeRow(Record):
    """One line of the table."""

    #: NMAT, or PEND for pending and failing.
    set: str
    code: str
    root_cause: str
    fault: FaultSide
    #: Default action by name, or COMPARE.
    action: str
    #: No action on this code needs fewer people than this.
    floor: Tier
    #: Only compliance may act.
    stop: bool
    #: False: the settlement is on its way, no case.
    exception: bool
    #: For people, in our words.
    meaning: str


class Classification(Record):
    """What a set of statuses amounts to: the worst code decides, the others are kept."""

    root_cause: str
    fault: FaultSide
    action: str
    floor: Tier = Tier.T0
    stop: bool = False
    exception: bool = True
    #: "QUALIFIER/CODE", worst first.
    codes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


NO_EXCEPTION = Classification(root_cause="NONE", fault=FaultSide.UNKNOWN, action="CLOSE_NO_ACTION", exception=False)


@cache
def table() -> dict[tuple[str, str], CodeRow]:
    """The whole table by (set, code)."""
    text = files(__package__).joinpath("settlement_codes.csv").read_text(encoding="utf-8")
    rows = [CodeRow.model_validate(_typed(row)) for row in csv.DictReader(text.splitlines())]
    return {(row.set, row.code): row for row in rows}


def _typed(row: dict[str, str]) -> dict[str, object]:
    flags = {name: row[name] == "yes" for name in ("stop", "exception")}
    return {**row, **flags}


def classify(statuses: Iterable[Status]) -> Classification:
    """The worst code's policy; the order is stop, tier floor, exception, lateness, then weight of the cause."""
    found = [pair for status in statuses for pair in _read(status)]
    if not found:
        return NO_EXCEPTION
    found.sort(key=_weight)
    row = found[0][1]
    return Classification(
        root_cause=row.root_cause, fault=row.fault, action=row.action, floor=row.floor,
        stop=row.stop, exception=row.exception,
        codes=tuple(dict.fromkeys(label for label, _ in found)),
        notes=tuple(dict.fromkeys(f"{label}: {row.meaning}" for label, row in found)),
    )  # fmt: skip


def floor(label: str) -> Tier:
    """The tier floor of a label such as "PENF/CLAC"; T0 for one that the table does not hold."""
    prefix, _, code = label.partition("/")
    row = table().get(("NMAT" if prefix == "NMAT" else "PEND", code))
    return row.floor if row else Tier.T0


def _read(status: Status) -> list[tuple[str, CodeRow]]:
    name = f"{status.qualifier}/{status.code}"
    if name in _REFUSED:
        root, meaning = _REFUSED[name]
        codes = ", ".join(reason.code for reason in status.reasons) or "none"
        return [(name, _to_person(root, f"{meaning} (reason codes: {codes})"))]
    if name in _PROGRESS or (status.qualifier in _PROGRESS_QUALIFIERS):
        return []
    if name not in _REASON_SET:
        return [(name, _to_person("OTHER", f"status {name} is not known here; a person reads it"))]
    if not status.reasons:
        return [(name, _to_person("OTHER", f"status {name} came without a reason code"))]
    return [(f"{status.code}/{reason.code}", _row(_REASON_SET[name], reason.code)) for reason in status.reasons]


def _row(code_set: str, code: str) -> CodeRow:
    row = table().get((code_set, code))
    return row or _to_person("OTHER", f"code {code} is not in the {code_set} table; a person reads it")


def _to_person(root_cause: str, meaning: str) -> CodeRow:
    return CodeRow(
        set="", code="", root_cause=root_cause, fault=FaultSide.UNKNOWN, action="TASK",
        floor=Tier.T0, stop=False, exception=True, meaning=meaning,
    )  # fmt: skip


def _weight(found: tuple[str, CodeRow]) -> tuple[int, int, int, int, int]:
    label, row = found
    prefix = label.split("/")[0]
    lateness = next((n for name, n in _LATENESS.items() if name.endswith(prefix)), len(_LATENESS))
    return (
        -row.stop, -list(Tier).index(row.floor), -row.exception, lateness, _ROOTS_BY_WEIGHT.index(row.root_cause)
    )  # fmt: skip


#: Statuses after which no effect may touch the instruction any more (W1-R3).
_CANCELLED = frozenset({"IPRC/CAND", "CPRC/CAND"})
_DENIED_BECAUSE_ENDED = {"DSET": "settled", "DCAN": "cancelled"}


def labels(item: MessageItem) -> tuple[str, ...]:
    """What the item states, in the words of `Step.expects`: "QUALIFIER/CODE", or "confirmation"."""
    stated = tuple(f"{status.qualifier}/{status.code}" for status in item.statuses)
    return (*stated, "confirmation") if item.kind == "confirmation" else stated


def confirms(item: MessageItem, expects: Iterable[str]) -> bool:
    """Does this item confirm a step that expects one of these?"""
    return not set(expects).isdisjoint(labels(item))


def ended(item: MessageItem) -> str | None:
    """ "settled" or "cancelled" when the item says that the instruction is over, else None."""
    if item.kind == "confirmation" or "SETT/SETT" in labels(item):
        return "settled"
    if confirms(item, _CANCELLED):
        return "cancelled"
    reasons = (reason.code for status in item.statuses for reason in status.reasons)
    return next((_DENIED_BECAUSE_ENDED[code] for code in reasons if code in _DENIED_BECAUSE_ENDED), None)


def closes(item: MessageItem, codes: Iterable[str]) -> bool:
    """Does this item end a case that had these codes? A match ends what was unmatched, only settlement the rest."""
    if ended(item) == "settled":
        return True
    late = any(label.startswith(("PEND/", "PENF/")) for label in codes)
    return "MTCH/MACH" in labels(item) and not late and not classify(item.statuses).exception


def matched(items: Iterable[MessageItem], *, by_book: bool) -> bool:
    """Has the depository matched our instruction? The newest MACH or NMAT says; without one, the book."""
    stated = [item for item in items if confirms(item, {"MTCH/MACH", "MTCH/NMAT"})]
    return confirms(stated[-1], {"MTCH/MACH"}) if stated else by_book
