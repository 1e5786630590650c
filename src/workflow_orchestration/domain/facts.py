"""Everything code knows about one case at one moment. Nodes gather it once; every rule is a function of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from workflow_orchestration.domain import book
from workflow_orchestration.domain.records import MessageItem, Record


class FaultSide(StrEnum):
    OWN = "OWN"
    CPTY = "CPTY"
    MARKET = "MARKET"
    SHARED = "SHARED"
    UNKNOWN = "UNKNOWN"


class Tier(StrEnum):
    """How many people must agree (domain.md 2.5); order is severity."""

    T0 = "T0"
    T1 = "T1"
    T2 = "T2"
    T3 = "T3"
    STOP = "STOP"


class Evidence(Record):
    """Something a person can check: what, where it came from, its words and their hash."""

    id: str
    #: e.g. "MT548 of 2026-11-24 line 8-10" or "book trade T-1001 version 3".
    source: str
    excerpt: str
    sha256: str


class DiffRow(Record):
    """One field, as each side states it (canonical text, None = not stated), and what we would send."""

    field: str
    trade: str | None = None
    ours: str | None = None
    theirs: str | None = None
    proposed: str | None = None
    #: Evidence ids.
    evidence: tuple[str, ...] = ()


class Outcome(Record):
    """One validator's answer. NOT_RUN is said, never dressed as PASS; NOT_APPLICABLE says why in `detail`."""

    validator: str
    version: str
    outcome: Literal["PASS", "FAIL", "WARN", "NOT_RUN", "NOT_APPLICABLE"]
    detail: str


class Chase(Record):
    at: datetime
    contact: str


class Facts(BaseModel):
    """Inputs of one case. `items` are its message items, oldest first; the last status item is the current one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    case_id: str
    now: datetime
    opened_at: datetime
    #: When the newest external status was (re)stated.
    status_as_of: datetime | None
    items: tuple[MessageItem, ...]
    account: book.Account | None = None
    market: book.Market | None = None
    contact: book.Contact | None = None
    trade: book.Trade | None = None
    instruction: book.Instruction | None = None
    security: book.Security | None = None
    ssi: book.Ssi | None = None
    stock: book.Position | None = None
    cash: book.Position | None = None
    fx: book.Fx | None = None
    sanctions: tuple[book.Sanction, ...] = ()
    #: Version of each book row used, "kind/key" -> version: part of the evidence.
    book_versions: dict[str, int] = {}
    #: Chasers of this case that were delivered.
    chases: tuple[Chase, ...] = ()
    #: Actions people rejected on this thread, oldest first: not proposed again with the same parameters.
    rejected: tuple[str, ...] = ()
    #: Raw hashes / sender references of earlier messages with the same economics (V07).
    duplicates: tuple[str, ...] = ()
    #: Further BICs that the case is about: the counterparties of a group's lines.
    named: tuple[str, ...] = ()

    def latest(self, *kinds: str) -> MessageItem | None:
        """The newest item of these kinds (all kinds when none is named)."""
        return next((i for i in reversed(self.items) if not kinds or i.kind in kinds), None)

    @property
    def status(self) -> MessageItem | None:
        """The newest item that states a status of our instruction."""
        return self.latest("status", "confirmation")
