"""What a message says about one instruction, in one shape whatever its type: the input of every later step.

Values are facts read from the message, never repaired: a bad ISIN stays as it came and V02 shows it. A field
that the message does not carry is None or empty.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Money(Record):
    #: ISO 4217 code as sent (V03 judges it) and amount; never a float. Negative when the message says N.
    ccy: str
    value: Decimal


class Quantity(Record):
    #: UNIT (shares), FAMT (face amount) or AMOR (amortised face amount).
    type: str
    value: Decimal


class Party(Record):
    #: Qualifier of :95a: (DEAG, REAG, BUYR, SELL, PSET, ...). `bic` for option P, `name` for option Q or R.
    role: str
    bic: str | None = None
    name: str | None = None
    #: :97a:SAFE of the same sequence.
    account: str | None = None


class Reason(Record):
    #: :24B: qualifier (NMAT, PEND, PENF, CAND, ...) and code (DMON, CLAC, ...), with the :70D: narrative.
    qualifier: str
    code: str
    narrative: str | None = None


class Status(Record):
    #: :25D: qualifier (MTCH, SETT, IPRC, CPRC, ...) and code (NMAT, MACH, PEND, PENF, CAND, PACK, ...).
    qualifier: str
    code: str
    reasons: tuple[Reason, ...] = ()


class Penalty(Record):
    #: One CSDR penalty of an MT537 PENDET: references, SEFP or LMFP, method SECU/CASH/MIXE/BOTH.
    reference: str
    common_reference: str | None = None
    type: str
    method: str | None = None
    amount: Money | None = None
    days: int | None = None
    #: :12A::CLAS (liquidity/asset class, e.g. SOVR) and the rate in per cent per day.
    asset_class: str | None = None
    rate: Decimal | None = None
    #: The day the penalty is for (:98A::PEDA).
    on: date | None = None


class Source(Record):
    #: 1-based first and last line of this item in the message's text, and those lines: the evidence.
    first_line: int
    last_line: int
    excerpt: str


#: status: MT548/MT537 transaction; instruction: MT540-543; allegement: MT578; confirmation: MT544-547.
ItemKind = Literal["status", "instruction", "allegement", "confirmation"]


class MessageItem(Record):
    """One instruction's part of a message."""

    kind: ItemKind
    message_type: str
    #: 1-based position in the message.
    n: int
    #: :23G: NEWM, CANC, INST, CAST, PENA, ...
    function: str
    sender_ref: str
    #: Our reference (:20C::RELA or ::ACOW), the CSD's (:20C::MITI), the common one (::COMM), the previous (::PREV).
    our_ref: str | None = None
    csd_ref: str | None = None
    common_ref: str | None = None
    previous_ref: str | None = None
    #: :97a::SAFE of the item.
    account: str | None = None
    isin: str | None = None
    description: str | None = None
    quantity: Quantity | None = None
    amount: Money | None = None
    price: Money | None = None
    trade_date: date | None = None
    settlement_date: date | None = None
    #: RECE or DELI; APMT (against payment) or FREE.
    movement: str | None = None
    payment: str | None = None
    #: :22F::SETR, e.g. TRAD, REPU.
    transaction_type: str | None = None
    #: :22F::PRTL or STCO indicator PART/NPAR, and the hold/release flag, when stated.
    partial: str | None = None
    hold: bool | None = None
    parties: tuple[Party, ...] = ()
    statuses: tuple[Status, ...] = ()
    matched_at: datetime | None = None
    penalty: Penalty | None = None
    narrative: str | None = None
    source: Source

    @property
    def reference(self) -> str | None:
        """The reference a case is keyed by: ours, else the CSD's, else the sender's."""
        return self.our_ref or self.csd_ref or self.common_ref


class ParsedMessage(Record):
    """A whole message: who sent it to whom, and its items (possibly none for an empty statement)."""

    message_type: str
    sender: str
    receiver: str
    sender_ref: str
    items: tuple[MessageItem, ...]
