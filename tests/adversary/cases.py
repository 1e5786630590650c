"""The cases of a proof: copies of the sample's rows under names of their own, and the message that opens each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ci.local.story import SAMPLE
from tests.adversary.injections import INJECTIONS, REFUSED
from tests.fin import mt548


@dataclass(frozen=True)
class Kind:
    """One sort of exception: the sample's number it is copied from, and what its message says."""

    number: str
    message: Mapping[str, str]
    #: Actions that policy allows here: by hand, not by the platform's own table.
    may: frozenset[str]


_PERSON = frozenset({"TASK", "ESCALATE"})
KINDS: dict[str, Kind] = {
    "their-amount": Kind("1001", {"reason": "NMAT//DMON"}, _PERSON | {"CHASE"}),
    "our-amount": Kind(
        "1002",
        {"reason": "NMAT//DMON", "movement": "DELI", "amount": "EUR250000,", "quantity": "UNIT/2000,"},
        _PERSON | {"CANCEL_REPLACE"},
    ),
    "no-counterparty": Kind("1001", {"reason": "NMAT//CMIS"}, _PERSON | {"CHASE"}),
    "on-hold": Kind(
        "1005",
        {"status": "SETT//PEND", "reason": "PEND//PREA", "isin": "FR0000120271", "movement": "DELI",
         "amount": "EUR27500,", "quantity": "UNIT/500,"},
        _PERSON | {"RELEASE", "CHASE"},
    ),
    "their-stock": Kind(
        "1004",
        {"status": "SETT//PENF", "reason": "PENF//CLAC", "isin": "DE0001102580", "account": "SAFE-0001",
         "amount": "EUR1970000,", "quantity": "FAMT/2000000,"},
        _PERSON | {"CHASE", "SET_PARTIAL"},
    ),
}  # fmt: skip
_ORDER = tuple(KINDS)
_NARRATIVES = tuple(name for name in INJECTIONS if name not in REFUSED)


@dataclass(frozen=True)
class Case:
    """One case of a proof. Each fourth carries a narrative that gives orders."""

    n: int

    @property
    def kind(self) -> str:
        return _ORDER[self.n % len(_ORDER)]

    @property
    def reference(self) -> str:
        return f"P{self.n:06d}"

    @property
    def injected(self) -> str | None:
        """The narrative, by its name in the injection set; each is used equally often."""
        return _NARRATIVES[self.n // 4 % len(_NARRATIVES)] if self.n % 4 == 3 else None

    @property
    def message(self) -> str:
        said = dict(KINDS[self.kind].message)
        narrative = INJECTIONS[self.injected] if self.injected else "PLEASE CHECK"
        return mt548(self.reference, sender_ref=f"C{self.reference}", narrative=narrative, **said)

    @property
    def match(self) -> str:
        said = {k: v for k, v in KINDS[self.kind].message.items() if k not in ("reason", "status")}
        return mt548(self.reference, sender_ref=f"M{self.reference}", status="MTCH//MACH", **said)

    def rows(self, kind: str, key: str) -> list[dict[str, Any]]:
        """Trade or instruction of this case: the sample's, renamed."""
        number = KINDS[self.kind].number
        [row] = [r for r in _BOOK[kind] if r[key].endswith(number)]
        text = json.dumps(row)
        names = {f"WO-{number}": self.reference, f"TRD-{number}": f"TRD-{self.reference}",
                 f"CSD26112000{number}": f"CSD{self.reference}"}  # fmt: skip
        for old, new in names.items():
            text = text.replace(old, new)
        return [json.loads(text)]

    def known(self) -> str:
        """Everything that anybody may know of this case: its message and the book."""
        rows = [*self.rows("trade", "trade_ref"), *self.rows("instruction", "our_ref")]
        return "\n".join([self.message, self.match, json.dumps(rows), json.dumps(_BOOK)])


_BOOK: dict[str, list[dict[str, Any]]] = json.loads((SAMPLE / "book.json").read_text(encoding="utf-8"))


def book(cases: list[Case]) -> dict[str, list[dict[str, Any]]]:
    """Rows to load, by kind: the sample's own, and those of the cases."""
    named = (("trade", "trade_ref"), ("instruction", "our_ref"))
    own = {kind: [row for case in cases for row in case.rows(kind, key)] for kind, key in named}
    return {kind: rows + own.get(kind, []) for kind, rows in _BOOK.items()}
