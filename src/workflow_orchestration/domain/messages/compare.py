"""What two instructions differ in, whatever their spelling.

W1-R6: a replacement may differ from what it replaces in the approved fields only.
"""

from __future__ import annotations

from collections.abc import Iterator

from workflow_orchestration.domain.messages import swift
from workflow_orchestration.domain.messages.tree import Field, Sequence
from workflow_orchestration.domain.messages.values import READERS, function

#: What makes each message itself, not its terms.
_IGNORED = {"20C::SEME", "98A::PREP", "98C::PREP", "98E::PREP", "23G"}

#: Where a field stands -> the name MessageItem has for it; what is not here keeps its path as name.
_NAMES = {
    "GENL/LINK/20C::COMM": "common_ref",
    "TRADDET/35B": "isin",
    "TRADDET/90B::DEAL": "price",
    "TRADDET/98A::SETT": "settlement_date",
    "TRADDET/98A::TRAD": "trade_date",
    "FIAC/36B::SETT": "quantity",
    "FIAC/97A::SAFE": "account",
    "SETDET/22F::SETR": "transaction_type",
    "SETDET/22F::STCO": "partial",
    "SETDET/AMT/19A::SETT": "amount",
}


def changed_fields(old_text: str, new_text: str) -> tuple[str, ...]:
    """Names of the differing fields, sorted; references (SEME, PREV), preparation time and function aside.

    Hold counts as a field: PREA against NEWM. So do type, sender and receiver.
    """
    old, new = _normal(old_text), _normal(new_text)
    return tuple(sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name)))


def _normal(text: str) -> dict[str, list[object]]:
    message = swift.read(text)
    form: dict[str, list[object]] = {
        "message_type": [message.type],
        "sender": [message.sender],
        "receiver": [message.receiver],
    }
    for path, field in _fields(message.root, ""):
        if field.tag == "23G":
            form["hold"] = [function(field) == "PREA"]
        if field.name not in _IGNORED:
            name = "parties" if "SETPRTY/" in path else _NAMES.get(path, path)
            form.setdefault(name, []).append(_value(field))
    return form


def _fields(part: Sequence, path: str) -> Iterator[tuple[str, Field]]:
    if part.name == "LINK" and part.first("20", "PREV"):
        return
    for field in part.fields:
        yield path + field.name, field
    for inner in part.sequences:
        yield from _fields(inner, f"{path}{inner.name}/")


def _value(field: Field) -> tuple[object, ...]:
    """Its meaning where the format is known (`5,` equals `5,00`); its name too: parties share a list."""
    reader = READERS.get(field.tag)
    return field.name, field.scheme, field.data if reader is None else reader(field)
