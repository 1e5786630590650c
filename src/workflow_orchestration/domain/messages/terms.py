"""The parts that all settlement messages share, as tables: references, terms, parties, statuses.

The message types differ in which sequences they use, not in what a field means; so each type's file names the
sequences, and the meaning of a tag and qualifier stands here once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workflow_orchestration.domain.messages import values
from workflow_orchestration.domain.messages.tree import Field, Sequence, SwiftMessage, damaged
from workflow_orchestration.domain.records import MessageItem, Party, Reason, Source, Status

#: Reasons of one status: bounds what a hostile statement can make every one of its items repeat.
_MAX_REASONS = 16

#: Field of MessageItem -> qualifiers of 20a, the more exact first.
_REFERENCES = {
    "our_ref": ("RELA", "ACOW"),
    "csd_ref": ("MITI", "PCTI"),
    "common_ref": ("COMM",),
    "previous_ref": ("PREV",),
}

#: Field of MessageItem -> tags (digits only: any option), qualifiers (the first that is there), reader.
_TERMS: dict[str, tuple[tuple[str, ...], tuple[str, ...], Callable[[Field], Any]]] = {
    "account": (("97",), ("SAFE",), values.account),
    "quantity": (("36B", "36D"), ("ESTT", "SETT", "PSTA"), values.quantity),
    "amount": (("19A",), ("ESTT", "SETT", "PSTA"), values.money),
    "price": (("90A", "90B"), ("DEAL",), values.price),
    "trade_date": (("98",), ("TRAD",), values.day),
    "settlement_date": (("98",), ("SETT", "ESET"), values.day),
    "matched_at": (("98",), ("MTCH",), values.moment),
    "movement": (("22H",), ("REDE",), values.code),
    "payment": (("22H",), ("PAYM",), values.code),
    "transaction_type": (("22F",), ("SETR",), values.code),
}

#: Codes of :22F::STCO or ::PRTL that speak of partial settlement; other conditions share STCO.
_PARTIAL = ("PART", "NPAR", "PARC", "PARQ")

_PARTY_READERS: dict[str, Callable[[Field], dict[str, str]]] = {
    "95P": lambda field: {"bic": values.bic(field)},
    "95Q": lambda field: {"name": field.data},
    "95R": lambda field: {"name": f"{field.scheme}/{field.data}"},
}


def general(message: SwiftMessage) -> Sequence:
    """GENL, which opens every settlement message."""
    return required_sequence(message.root, "GENL")


def required_sequence(parent: Sequence, name: str) -> Sequence:
    found = parent.children(name)
    if not found:
        raise damaged(f"there is no sequence {name}; expected :16R:{name}", line=parent.first_line, tag="16R")
    return found[0]


def required(sequence: Sequence, tag: str, qualifier: str = "") -> Field:
    found = sequence.first(tag, qualifier) if qualifier else sequence.first(tag)
    if found is None:
        name = f":{tag}::{qualifier}//" if qualifier else f":{tag}:"
        where = sequence.name or "the message"
        raise damaged(f"{where} has no {name}; it is mandatory", line=sequence.first_line, tag=tag)
    return found


def sender_ref(message: SwiftMessage) -> str:
    """:20C::SEME, the sender's name for this message."""
    return required(general(message), "20C", "SEME").data


def own_reference(message: SwiftMessage) -> str | None:
    """The same where it identifies the transaction too; None for NONREF."""
    return values.reference(required(general(message), "20C", "SEME"))


def head(message: SwiftMessage) -> dict[str, Any]:
    """What every item of a message has in common."""
    return {
        "message_type": message.type,
        "function": values.function(required(general(message), "23G")),
        "sender_ref": sender_ref(message),
    }


def references(*sequences: Sequence) -> dict[str, str | None]:
    """Found in the sequences' own fields and in the LINK sequences directly inside them."""
    places = [place for sequence in sequences for place in (sequence, *sequence.children("LINK"))]
    found: dict[str, str | None] = {}
    for name, qualifiers in _REFERENCES.items():
        value = _first_value(places, ("20",), qualifiers, reader=values.reference)
        if value is not None:
            found[name] = value
    return found


def terms(*sequences: Sequence) -> dict[str, Any]:
    """What the instruction says, from these sequences (earlier ones win) and the AMT ones inside them."""
    places = [place for sequence in sequences for place in (sequence, *sequence.children("AMT"))]
    found = {
        name: value
        for name, (tags, qualifiers, reader) in _TERMS.items()
        if (value := _first_value(places, tags, qualifiers, reader=reader)) is not None
    }
    conditions = (values.code(f) for place in places for f in place.select("22F", "PRTL", "STCO"))
    found["partial"] = next((condition for condition in conditions if condition in _PARTIAL), None)
    instrument = next((f for place in places for f in place.select("35B")), None)
    if instrument:
        found["isin"], found["description"] = values.instrument(instrument)
    return found


def _first_value(
    places: list[Sequence],
    tags: tuple[str, ...],
    qualifiers: tuple[str, ...],
    *,
    reader: Callable[[Field], Any],
) -> Any:
    candidates = (
        field for qualifier in qualifiers for place in places for tag in tags for field in place.select(tag, qualifier)
    )
    values_read = (reader(field) for field in candidates)
    return next((value for value in values_read if value is not None), None)


def parties(*sequences: Sequence) -> tuple[Party, ...]:
    """Of the sequences' own 95a fields and of their SETPRTYs, whose :97a::SAFE is the party's account."""
    found = []
    for sequence in sequences:
        found += _parties_of(sequence, None)
        for inner in sequence.children("SETPRTY"):
            found += _parties_of(inner, _first_value([inner], ("97",), ("SAFE",), reader=values.account))
    return tuple(found)


def _parties_of(sequence: Sequence, account: str | None) -> list[Party]:
    return [
        Party(role=field.qualifier, account=account, **_PARTY_READERS[field.tag](field))
        for field in sequence.select("95")
        if field.qualifier and field.tag in _PARTY_READERS
    ]


def statuses(sequence: Sequence) -> tuple[Status, ...]:
    return tuple(status(inner) for inner in sequence.children("STAT"))


def status(sequence: Sequence) -> Status:
    field = required(sequence, "25D")
    reasons = tuple(reason for inner in sequence.children("REAS") for reason in _reasons(inner))
    if len(reasons) > _MAX_REASONS:
        raise damaged(f"a status has more than {_MAX_REASONS} reasons", line=sequence.first_line, tag="16R")
    return Status(qualifier=field.qualifier or "", code=values.code(field), reasons=reasons)


def _reasons(sequence: Sequence) -> list[Reason]:
    required(sequence, "24B")
    text = sequence.first("70D", "REAS")
    narrative = values.narrative(text) if text else None
    return [
        Reason(qualifier=field.qualifier or "", code=values.code(field), narrative=narrative)
        for field in sequence.select("24B")
    ]


def source(message: SwiftMessage, part: Sequence) -> Source:
    return Source(
        first_line=part.first_line,
        last_line=part.last_line,
        excerpt=message.excerpt(part.first_line, part.last_line),
    )


def narrative(*sequences: Sequence) -> str | None:
    """Free text of 70a fields, in order."""
    texts = [field.data for sequence in sequences for field in sequence.select("70")]
    return "\n".join(texts) or None


def single(message: SwiftMessage, **fields: Any) -> tuple[MessageItem, ...]:
    """The one item of a message that is about one instruction."""
    return (MessageItem(n=1, source=source(message, message.root), **(head(message) | fields)),)
