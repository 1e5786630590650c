"""Groups of exceptions: what a sweep finds, one group for each account and cause, and what is done about a group.

A sweep may find ten thousand instructions. People cannot decide ten thousand times on one thing: a group is one case
that holds its instructions, and its actions are CHASE (the custodian, in as few messages as hold them) or TASK.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date

from workflow_orchestration.domain import book, codes
from workflow_orchestration.domain.actions.base import Assessment, Step
from workflow_orchestration.domain.diff import money, number
from workflow_orchestration.domain.facts import FaultSide
from workflow_orchestration.domain.messages import compose
from workflow_orchestration.domain.records import MessageItem, Money, Quantity, Record

#: Instructions that one MT599 can name: 35 lines of 50 characters, less what is said around them.
_A_MESSAGE = 28
#: Characters of such a line that text may fill: one is kept for the blank before a leading sign.
_WIDTH = 49
#: Instructions that are still chased by message; more than these a person takes up with the custodian.
MOST_CHASED = 280

#: Cause -> what it means, and what is asked of the custodian; None: nothing, it is our own to do.
CAUSES: dict[str, tuple[str, str | None]] = {
    "UNINSTRUCTED": ("booked, and no instruction of ours is on file", None),
    "NO_STATUS": ("instructed, and no status was ever reported", "Please report the status of each."),
    "NOT_SETTLED": ("due, and neither settled nor reported as an exception", "Please tell us what is missing."),
}


class Line(Record):
    """One instruction (or, uninstructed, trade) of a group, as the book had it when the sweep was made."""

    reference: str
    account: str
    isin: str
    quantity: Quantity
    amount: Money | None = None
    settlement_date: date
    counterparty: str | None = None


class Group(Record):
    """As a group's case holds it."""

    #: The sweep's case.
    sweep: str
    account: str
    cause: str
    lines: tuple[Line, ...]


class Due(Record):
    """One settlement of the day, and what is known of it."""

    line: Line
    #: Is there an instruction of ours, or only a trade?
    instructed: bool
    #: The newest status or confirmation.
    said: MessageItem | None = None
    #: A case of its own is open: it is in people's hands already.
    in_work: bool = False


def cause(due: Due, *, on_the_day: bool) -> str | None:
    """Why this settlement belongs into a group; None when it is on its course, over, or has a case of its own."""
    if due.in_work:
        return None
    if not due.instructed:
        return "UNINSTRUCTED"
    if due.said is None:
        return "NO_STATUS"
    if codes.ended(due.said):
        return None
    found = codes.classify(due.said.statuses)
    if found.exception:
        return found.root_cause
    return "NOT_SETTLED" if on_the_day else None


def grouped(dues: Iterable[Due], *, on_the_day: bool) -> dict[tuple[str, str], tuple[Line, ...]]:
    """Lines by account and cause, in order."""
    found: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for due in dues:
        if why := cause(due, on_the_day=on_the_day):
            found[due.line.account, why].append(due.line)
    return {key: tuple(sorted(lines, key=lambda line: line.reference)) for key, lines in sorted(found.items())}


def of_trade(trade: book.Trade) -> Line:
    return Line(
        reference=trade.trade_ref, account=trade.account, isin=trade.isin, quantity=trade.quantity,
        amount=trade.amount, settlement_date=trade.settlement_date, counterparty=trade.counterparty_bic,
    )  # fmt: skip


def of_instruction(instruction: book.Instruction, trade: book.Trade | None) -> Line:
    return Line(
        reference=instruction.our_ref, account=instruction.account, isin=instruction.isin,
        quantity=instruction.quantity, amount=instruction.amount, settlement_date=instruction.settlement_date,
        counterparty=trade.counterparty_bic if trade else None,
    )  # fmt: skip


# -- what is done about a group ---------------------------------------------------------------------------------------


def meaning(group: Group) -> str:
    return CAUSES.get(group.cause, (f"reported as {group.cause}, and no case is open for it", None))[0]


def action(group: Group, contact: book.Contact | None) -> tuple[str, str]:
    """CHASE or TASK, and why."""
    asked = CAUSES.get(group.cause, ("", "Please tell us what is missing."))[1]
    if asked is None:
        return "TASK", "our own side has to act"
    if contact is None:
        return "TASK", "no contact is on file for the account"
    if len(group.lines) > MOST_CHASED:
        return "TASK", f"{len(group.lines)} instructions are more than {MOST_CHASED}: a person takes them up at once"
    return "CHASE", f"{contact.name} has to say what is missing"


def assessment(group: Group, action: str, exposure: str | None) -> Assessment:
    ours = group.cause == "UNINSTRUCTED"
    return Assessment(
        root_cause=group.cause, fault_side=FaultSide.OWN if ours else FaultSide.UNKNOWN, codes=(),
        default_action=action, diff=(), exposure_eur=exposure, notes=(f"{len(group.lines)}: {meaning(group)}",),
    )  # fmt: skip


def chasers(group: Group, account: book.Account, contact: book.Contact, *, reference: str) -> tuple[Step, ...]:
    """The messages of a CHASE, complete: the texts that people approve."""
    parts = list(_messages(group.lines))
    return tuple(
        _chaser(group, lines, account, contact, reference=f"{reference}-{n}", place=f"{n}/{len(parts)}")
        for n, lines in enumerate(parts, start=1)
    )


def _messages(lines: tuple[Line, ...]) -> Iterator[tuple[Line, ...]]:
    return (lines[n : n + _A_MESSAGE] for n in range(0, len(lines), _A_MESSAGE))


def _chaser(
    group: Group, lines: tuple[Line, ...], account: book.Account, contact: book.Contact, *, reference: str, place: str
) -> Step:
    day = lines[0].settlement_date.isoformat()
    asked = CAUSES.get(group.cause, ("", "Please tell us what is missing."))[1] or ""
    text = "\n".join([f"Account {account.account}, settlement {day}, {place}", *map(_words, lines), asked])
    if contact.channel == "MT599":
        text = compose.free_text(
            sender=account.own_bic, receiver=contact.address, reference=reference, related=None, text=text
        )
    return Step(
        name=f"chase-{place.replace('/', '-of-')}", kind="message", payload=text, to=contact.address,
        type="599" if contact.channel == "MT599" else "EMAIL",
    )  # fmt: skip


def _words(line: Line) -> str:
    """Reference and size, and the amount where a line of the message has room for it."""
    said = f"{line.reference} {line.isin} {number(line.quantity.value)}"
    with_amount = f"{said} {money(line.amount)}" if line.amount else said
    return with_amount if len(with_amount) <= _WIDTH else said


def task_text(group: Group, why: str) -> str:
    named = ", ".join(line.reference for line in group.lines[:20])
    more = f" and {len(group.lines) - 20} more, all listed in the case" if len(group.lines) > 20 else ""
    return f"{len(group.lines)} settlements of account {group.account}: {meaning(group)}; {why}. {named}{more}"[:1000]
