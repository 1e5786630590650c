"""The book: reference data a firm loads (`PUT /v1/book/{kind}`), versioned by key, validated row by row.

Each kind is one model; its `key` is what the row is stored and found under. Add a kind: one class, and it is
in `KINDS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from workflow_orchestration.domain import quality
from workflow_orchestration.domain.errors import InvalidRequest
from workflow_orchestration.domain.records import Money, Party, Quantity, Record


def _checked_isin(value: str) -> str:
    if fault := quality.isin_fault(value):
        raise ValueError(fault)
    return value


#: The book is ours: unlike a message's, its ISINs must be right.
Isin = Annotated[str, AfterValidator(_checked_isin)]


#: Powers of ten that a row's numbers may reach; 1e999999999 written out would fill the memory.
_LARGEST_EXPONENT = 60


class Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, str_min_length=1)
    kind: ClassVar[str]

    @model_validator(mode="after")
    def _writable(self) -> Self:
        for name, value in self:
            number = value.value if isinstance(value, Money | Quantity) else value
            if isinstance(number, Decimal) and number and abs(number.adjusted()) > _LARGEST_EXPONENT:
                raise ValueError(f"{name} is out of range")
        return self

    @property
    def key(self) -> str:
        raise NotImplementedError  # pragma: no cover - every kind below says what it is found by


class Account(Row):
    """One of our accounts at a custodian or CSD, and the desk that owns its exceptions."""

    kind = "account"
    account: str
    desk: str
    name: str | None = None
    #: Key of the `contact` row that chasers and queries go to.
    contact: str
    #: Our BIC and the custodian's, for the messages we write.
    own_bic: str
    custodian_bic: str
    #: Key of the `market` row whose calendar and cut-off apply.
    market: str

    @property
    def key(self) -> str:
        return self.account


class Trade(Row):
    """A booked trade: the truth that instructions must follow (W1-R1)."""

    kind = "trade"
    trade_ref: str
    account: str
    isin: Isin
    #: RECE (we receive the stock) or DELI.
    movement: Literal["RECE", "DELI"]
    payment: Literal["APMT", "FREE"]
    quantity: Quantity
    #: Per unit, or per cent of face when price_type is PRCT.
    price: Decimal | None = None
    price_type: Literal["ACTU", "PRCT"] = "ACTU"
    accrued: Decimal = Decimal(0)
    charges: Decimal = Decimal(0)
    #: Settlement amount; None for FREE.
    amount: Money | None = None
    trade_date: date
    settlement_date: date
    counterparty_bic: str
    #: Who captured it; may not approve its repair.
    captured_by: str | None = None

    @property
    def key(self) -> str:
        return self.trade_ref


class Instruction(Row):
    """A settlement instruction we sent (MT540-543), as last sent."""

    kind = "instruction"
    our_ref: str
    csd_ref: str | None = None
    common_ref: str | None = None
    trade_ref: str | None = None
    message_type: Literal["540", "541", "542", "543"]
    account: str
    isin: Isin
    quantity: Quantity
    amount: Money | None = None
    trade_date: date | None = None
    settlement_date: date
    transaction_type: str = "TRAD"
    parties: tuple[Party, ...] = ()
    partial: Literal["PART", "NPAR"] | None = None
    hold: bool = False
    #: The CSD has matched it: then R2 applies.
    matched: bool = False
    #: Who instructed it; may not approve its repair.
    instructed_by: str | None = None

    @property
    def key(self) -> str:
        return self.our_ref


class Ssi(Row):
    """A standing settlement instruction on file for a counterparty, market and currency."""

    kind = "ssi"
    counterparty_bic: str
    market: str
    ccy: str
    parties: tuple[Party, ...] = Field(min_length=1)

    @property
    def key(self) -> str:
        return f"{self.counterparty_bic}/{self.market}/{self.ccy}"


class Position(Row):
    """What an account can deliver: stock of an ISIN, or cash of a currency (then `asset` is the currency)."""

    kind = "position"
    account: str
    asset: str
    available: Decimal
    as_of: datetime

    @property
    def key(self) -> str:
        return f"{self.account}/{self.asset}"


class Security(Row):
    """Static data of a security; `asset_class` chooses the penalty rate (domain/penalties.py)."""

    kind = "security"
    isin: Isin
    name: str
    asset_class: Literal[
        "LIQUID_SHARE", "ILLIQUID_SHARE", "SME_SHARE", "SOVEREIGN_DEBT", "OTHER_DEBT", "SME_DEBT", "OTHER"
    ]
    #: Reference price, per unit or per cent of face for debt.
    price: Money
    lot: Decimal = Decimal(1)

    @property
    def key(self) -> str:
        return self.isin


class Contact(Row):
    """Somebody on file to whom chasers may go; nothing is ever sent elsewhere (W1-R7)."""

    kind = "contact"
    contact: str
    name: str
    channel: Literal["MT599", "EMAIL"]
    #: BIC for MT599, address for EMAIL.
    address: str

    @property
    def key(self) -> str:
        return self.contact


class Sanction(Row):
    """One entry of a sanctions list; V09 screens every party and agent named against all of them."""

    kind = "sanction"
    entry: str
    list_name: str
    list_version: str
    name: str
    aliases: tuple[str, ...] = ()
    bics: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.list_name}/{self.entry}"


class Market(Row):
    """A settlement market: calendar, time zone, cut-off of the day, and how fresh a status must be (V13)."""

    kind = "market"
    market: str
    #: exchange_calendars name (XETR, XLON, XNYS, ...); currency holidays come from `ccy`.
    calendar: str
    ccy: str
    time_zone: str
    #: Local wall-clock times HH:MM in order; the last is the day's last chance.
    cutoffs: tuple[str, ...] = Field(min_length=1)
    status_max_age_minutes: int = Field(default=10080, gt=0)
    #: Announced delay of today's cut-off.
    delay_minutes: int = Field(default=0, ge=0)

    @property
    def key(self) -> str:
        return self.market


class Fx(Row):
    """One unit of `ccy` in EUR."""

    kind = "fx"
    ccy: str
    eur: Decimal = Field(gt=0)

    @property
    def key(self) -> str:
        return self.ccy


KINDS: dict[str, type[Row]] = {row.kind: row for row in Row.__subclasses__()}


class RowError(Record):
    """Why one row was not taken: 1-based row number, dotted field (empty for the whole row), cause."""

    row: int
    field: str
    cause: str


def parse_rows(kind: str, rows: Iterable[Mapping[str, Any]]) -> tuple[tuple[Row, ...], tuple[RowError, ...]]:
    """The valid rows in order, and an error for each field that kept a row out; a key may come only once."""
    if kind not in KINDS:
        raise InvalidRequest(f"There is no book kind {kind!r}.", fix=f"Use one of: {', '.join(sorted(KINDS))}.")
    valid: dict[str, Row] = {}
    errors: list[RowError] = []
    for number, values in enumerate(rows, start=1):
        try:
            row = KINDS[kind].model_validate(values)
        except ValidationError as error:
            errors += [_row_error(number, detail) for detail in error.errors(include_url=False)]
            continue
        if row.key in valid:
            errors.append(RowError(row=number, field="", cause=f"key {row.key} is in an earlier row of this load"))
            continue
        valid[row.key] = row
    return tuple(valid.values()), tuple(errors)


def _row_error(number: int, detail: Any) -> RowError:
    field = ".".join(str(part) for part in detail["loc"])
    return RowError(row=number, field=field, cause=f"{detail['msg']} (got {str(detail['input'])[:80]!r})")
