"""Writes our own messages: instructions (MT540-543), modifications (MT530) and free text (MT599).

Each is text with SWIFT's CRLF line ends, in character set X, and is read again by our own reader before it is
returned: what does not come back the same is refused. No clock: times are arguments. What two such texts
differ in, `compare.changed_fields` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal

from workflow_orchestration.domain import messages
from workflow_orchestration.domain.book import Instruction
from workflow_orchestration.domain.errors import InvalidRequest
from workflow_orchestration.domain.messages import swift
from workflow_orchestration.domain.messages.charset import X, narrative_lines
from workflow_orchestration.domain.records import Money, Party

_NARRATIVE_WIDTH, _NARRATIVE_LINES = 50, 35


def instruction(
    row: Instruction,
    *,
    sender: str,
    receiver: str,
    prepared: datetime,
    function: Literal["NEWM", "CANC"] = "NEWM",
    reference: str | None = None,
    previous: str | None = None,
) -> str:
    """An MT540-543 with the book row's terms; NEWM of a row on hold is sent as a preadvice (PREA).

    `reference` is the new message's own (default: the row's). `previous` goes into the PREV link: for CANC
    the instruction to cancel (default: the row's), for a replacement NEWM the one that it replaces.
    """
    own = reference or row.our_ref
    previous = previous or (row.our_ref if function == "CANC" else None)
    if function == "CANC" and own == previous:
        raise InvalidRequest(
            f"the cancellation of {previous} needs a reference of its own", fix="Pass another `reference`."
        )
    name = "PREA" if function == "NEWM" and row.hold else function
    body = [
        *_sequence(
            "GENL",
            f":20C::SEME//{own}",
            f":23G:{name}",
            f":98C::PREP//{_time(prepared)}",
            *_link("PREV", previous),
            *_link("COMM", row.common_ref),
        ),
        *_terms(row),
    ]
    text = _message(row.message_type, body, sender=sender, receiver=receiver)
    item = messages.parse(text).items[0]
    _must_agree(
        {field: getattr(row, field) for field in _ROW_FIELDS}
        | {"parties": tuple(_as_written(party) for party in row.parties)}
        | {"function": name, "our_ref": own, "previous_ref": previous},
        {field: getattr(item, field) for field in (*_ROW_FIELDS, "function", "our_ref", "previous_ref")},
    )
    return text


#: Fields of the book row that must come back from the text as they went in.
_ROW_FIELDS = (
    "message_type", "account", "isin", "quantity", "amount", "trade_date", "settlement_date",
    "transaction_type", "parties", "partial", "common_ref",
)  # fmt: skip


def modification(
    *,
    sender: str,
    receiver: str,
    reference: str,
    our_ref: str,
    account: str,
    prepared: datetime,
    hold: bool | None = None,
    partial: Literal["PART", "NPAR", "PARC", "PARQ"] | None = None,
    priority: int | None = None,
) -> str:
    """An MT530 on instruction `our_ref`: hold or release it, set its partial indicator or priority (1-4)."""
    changes = {
        "SETT": None if hold is None else ("NSET" if hold else "YSET"),
        "PRTL": partial,
        "PRIR": None if priority is None else f"{priority:04d}",
    }
    asked = {qualifier: value for qualifier, value in changes.items() if value is not None}
    if not asked:
        raise InvalidRequest(f"nothing is to be changed on {our_ref}", fix="Give hold, partial or priority.")
    body = [
        *_sequence(
            "GENL",
            f":20C::SEME//{reference}",
            ":23G:NEWM",
            f":98C::PREP//{_time(prepared)}",
            f":97A::SAFE//{account}",
        ),
        *_sequence(
            "REQD",
            f":20C::PREV//{our_ref}",
            *(f":22F::{qualifier}//{value}" for qualifier, value in asked.items()),
        ),
    ]
    text = _message("530", body, sender=sender, receiver=receiver)
    sent = {"20C::SEME": reference, "97A::SAFE": account, "20C::PREV": our_ref}
    _must_agree(sent | {f"22F::{qualifier}": value for qualifier, value in asked.items()}, _read_back(text))
    return text


def free_text(*, sender: str, receiver: str, reference: str, related: str | None, text: str) -> str:
    """An MT599; the text is written in character set X and wrapped to lines of 50, at most 35 of them."""
    lines = narrative_lines(text, width=_NARRATIVE_WIDTH, most=_NARRATIVE_LINES)
    body = [f":20:{reference}", *([f":21:{related}"] if related else []), f":79:{lines[0]}", *lines[1:]]
    written = _message("599", body, sender=sender, receiver=receiver)
    sent = {"20": reference, "79": "\n".join(lines)} | ({"21": related} if related else {})
    _must_agree(sent, _read_back(written))
    return written


def _terms(row: Instruction) -> list[str]:
    dates = [f":98A::SETT//{_date(row.settlement_date)}"]
    if row.trade_date:
        dates.append(f":98A::TRAD//{_date(row.trade_date)}")
    return [
        *_sequence("TRADDET", *dates, f":35B:ISIN {row.isin}"),
        *_sequence(
            "FIAC",
            f":36B::SETT//{row.quantity.type}/{_number(row.quantity.value)}",
            f":97A::SAFE//{row.account}",
        ),
        *_sequence(
            "SETDET",
            f":22F::SETR//{row.transaction_type}",
            *([f":22F::STCO//{row.partial}"] if row.partial else []),
            *(line for party in row.parties for line in _party(party)),
            *(_sequence("AMT", f":19A::SETT//{_money(row.amount)}") if row.amount else []),
        ),
    ]


def _as_written(party: Party) -> Party:
    """Where there is a BIC, it is the party; a name beside it serves screening and is not sent."""
    return party.model_copy(update={"name": None}) if party.bic else party


def _party(party: Party) -> list[str]:
    identity = f":95P::{party.role}//{party.bic}" if party.bic else f":95Q::{party.role}//{party.name}"
    lines = identity.split("\n")
    return _sequence("SETPRTY", *lines, *([f":97A::SAFE//{party.account}"] if party.account else []))


def _link(qualifier: str, reference: str | None) -> list[str]:
    return _sequence("LINK", f":20C::{qualifier}//{reference}") if reference else []


def _sequence(name: str, *lines: str) -> list[str]:
    return [f":16R:{name}", *lines, f":16S:{name}"]


def _message(kind: str, body: list[str], *, sender: str, receiver: str) -> str:
    for line in body:
        outside = sorted(set(line) - X)
        if outside:
            raise InvalidRequest(
                f"{line!r} holds {outside}, which a SWIFT message cannot carry",
                fix="Correct the value in the book: letters, digits, blank and / - ? : ( ) . , ' + only.",
            )
    header = f"{{1:F01{_terminal(sender, 'A')}0000000000}}{{2:I{kind}{_terminal(receiver, 'X')}N}}{{4:"
    return "\r\n".join([header, *body, "-}"])


def _terminal(bic: str, letter: str) -> str:
    """BIC8, terminal letter (X for a receiver, whose terminal we do not know), branch."""
    if len(bic) not in (8, 11):
        raise InvalidRequest(f"BIC {bic!r} has {len(bic)} characters", fix="Give a BIC of 8 or 11.")
    return f"{bic[:8]}{letter}{bic[8:] or 'XXX'}"


def _number(value: Decimal) -> str:
    whole, _, fraction = format(value, "f").partition(".")
    return f"{whole},{fraction}"


def _money(amount: Money) -> str:
    return f"{'N' if amount.value < 0 else ''}{amount.ccy}{_number(abs(amount.value))}"


def _date(day: date) -> str:
    return day.strftime("%Y%m%d")


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S")


def _read_back(text: str) -> dict[str, object]:
    return {field.name: field.data for part in swift.read(text).root.walk() for field in part.fields}


def _must_agree(sent: Mapping[str, object], read: Mapping[str, object]) -> None:
    """The reason that people may trust the text they approve: it says what the book says, no more."""
    lost = sorted(name for name, value in sent.items() if read.get(name) != value)
    if lost:
        told = "; ".join(f"{name}: {sent[name]!r} would read as {read.get(name)!r}" for name in lost)
        raise InvalidRequest(
            f"the message would not say what it should: {told}",
            fix="Correct these fields in the book, then propose again.",
        )
