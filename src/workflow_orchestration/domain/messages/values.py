"""Typed reading of field values by their SWIFT formats, and the table of formats checked in every message.

A value that breaks its format (`EUR1,2,3`, month 13, a quantity without its comma) is structural damage, told
by line and tag. Check digits, currency lists and business sense are not looked at: validators show those on a
case. Lengths bound what can reach an index or a page.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from workflow_orchestration.domain.messages.tree import Field
from workflow_orchestration.domain.records import Money, Quantity

_DECIMAL = r"[0-9]+,[0-9]*"
#: Digits and comma together: 15d; options D carry 30d.
_DIGITS, _MANY_DIGITS = 15, 30
#: 20C is 16x, 20D 25x, 20U 52x.
_REFERENCE_LENGTHS = {"20C": 16, "20D": 25, "20U": 52}
#: 97A and 97B are 35x, 97D is 140x.
_ACCOUNT_LENGTHS = {"97A": 35, "97B": 40, "97D": 140}
#: Not SWIFT's (6*35x): wide enough for what custodians really send, small enough to repeat on many items.
_NARRATIVE_LENGTH = 500


def _parts(field: Field, pattern: str, expected: str) -> tuple[str, ...]:
    found = re.fullmatch(pattern, field.data)
    if found is None:
        raise field.damaged(expected)
    return found.groups()


def _decimal(field: Field, text: str, limit: int = _DIGITS) -> Decimal:
    if len(text) > limit:
        raise field.damaged(f"a number of at most {limit} digits")
    return Decimal(text.replace(",", "."))


def _signed(sign: str, value: Decimal) -> Decimal:
    return -value if sign else value


def money(field: Field) -> Money:
    sign, ccy, number = _parts(field, rf"(N?)([A-Z]{{3}})({_DECIMAL})", "currency and amount like EUR1234,5")
    return Money(ccy=ccy, value=_signed(sign, _decimal(field, number)))


def quantity(field: Field) -> Quantity:
    kind, number = _parts(field, rf"([A-Z0-9]{{4}})/({_DECIMAL})", "type and quantity like UNIT/1000,")
    limit = _MANY_DIGITS if field.tag == "36D" else _DIGITS
    return Quantity(type=kind, value=_decimal(field, number, limit))


def price(field: Field) -> Money | None:
    """Amount per unit (90B); None for a percentage (90A), which has no currency: only its form is checked."""
    if field.tag == "90A":
        _, number = _parts(field, rf"([A-Z0-9]{{4}})/({_DECIMAL})", "type and price like PRCT/98,5")
        _decimal(field, number)
        return None
    _, ccy, number = _parts(
        field, rf"([A-Z0-9]{{4}})/([A-Z]{{3}})({_DECIMAL})", "type, currency and price like ACTU/EUR12,5"
    )
    return Money(ccy=ccy, value=_decimal(field, number))


def rate(field: Field) -> Decimal:
    """Per cent."""
    sign, number = _parts(field, rf"(N?)({_DECIMAL})", "a rate like 0,001")
    return _signed(sign, _decimal(field, number))


def count(field: Field) -> int:
    sign, digits = _parts(field, r"(N?)([0-9]{1,3})", "a count of up to three digits")
    return -int(digits) if sign else int(digits)


def _day(field: Field, text: str) -> date:
    try:
        return datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        raise field.damaged("a calendar date YYYYMMDD") from None


def day(field: Field) -> date | None:
    """The date of 98A, 98C or 98E; None for a coded date (98B, e.g. OPEN)."""
    if field.tag == "98B":
        return None
    if field.tag in ("98C", "98E"):
        read = moment(field)
        return read.date() if read else None
    (text,) = _parts(field, "([0-9]{8})", "a date YYYYMMDD")
    return _day(field, text)


def moment(field: Field) -> datetime | None:
    """The time of 98C (no zone stated: taken as UTC) or 98E (its offset applied); None for date or code."""
    if field.tag not in ("98C", "98E"):
        return None
    rest = r"(?:,([0-9]{1,3}))?(?:/(N?)([0-9]{2})([0-9]{2})?)?" if field.tag == "98E" else "()()()()"
    text, fraction, west, hours, minutes = _parts(field, f"([0-9]{{14}}){rest}", "a time YYYYMMDDHHMMSS")
    _day(field, text[:8])
    try:
        read = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        read = read + offset if west else read - offset
    except (ValueError, OverflowError):
        raise field.damaged("a time YYYYMMDDHHMMSS") from None
    return read + timedelta(milliseconds=int((fraction or "0").ljust(3, "0")))


def period(field: Field) -> tuple[date, date]:
    first, last = _parts(field, "([0-9]{8})/([0-9]{8})", "two dates YYYYMMDD/YYYYMMDD")
    return _day(field, first), _day(field, last)


def code(field: Field) -> str:
    (text,) = _parts(field, "([A-Z0-9]{4})", "a code of four capitals or digits")
    return text


def flag(field: Field) -> bool:
    (text,) = _parts(field, "([YN])", "Y or N")
    return text == "Y"


def currency(field: Field) -> str:
    (text,) = _parts(field, "([A-Z]{3})", "a currency code of three capitals")
    return text


def _line(field: Field, limit: int, what: str) -> str:
    if not field.data or len(field.data) > limit or "\n" in field.data:
        raise field.damaged(f"{what} of 1 to {limit} characters on one line")
    return field.data


def reference(field: Field) -> str | None:
    """None for NONREF, SWIFT's way to say that there is no reference."""
    text = _line(field, _REFERENCE_LENGTHS.get(field.tag, 52), "a reference")
    return None if text == "NONREF" else text


def account(field: Field) -> str | None:
    """The account, without the type code that option B puts before it; None for NONREF."""
    text = _line(field, _ACCOUNT_LENGTHS.get(field.tag, 140), "an account")
    if field.tag == "97B":
        _, slash, text = text.partition("/")
        if not slash or not text:
            raise field.damaged("account type and account like AS11/123456")
    return None if text == "NONREF" else text


def bic(field: Field) -> str:
    """As it came: V02 judges it."""
    return _line(field, 35, "a BIC")


def narrative(field: Field) -> str:
    if len(field.data) > _NARRATIVE_LENGTH:
        raise field.damaged(f"a narrative of at most {_NARRATIVE_LENGTH} characters")
    return field.data


def instrument(field: Field) -> tuple[str | None, str | None]:
    """ISIN as it came, and the description lines; either may be missing, not both."""
    first, _, rest = field.data.partition("\n")
    word, _, isin = first.partition(" ")
    if word != "ISIN":
        return None, narrative(field)
    if not isin or len(isin) > 12:
        raise field.damaged("ISIN and 1 to 12 characters")
    narrative(field)
    return isin, rest or None


def function(field: Field) -> str:
    """NEWM of `NEWM/COPY`."""
    main, _ = _parts(field, r"([A-Z0-9]{4})(/[A-Z0-9]{4})?", "a function like NEWM or NEWM/COPY")
    return main


def check(field: Field) -> None:
    """Refuse a value that breaks its tag's format, whether or not anything reads it later."""
    reader = READERS.get(field.tag)
    if reader is None:
        return
    if field.qualifier is None and field.tag not in UNQUALIFIED:
        raise field.damaged(f"a value with a qualifier; expected `:{field.tag}::XXXX/`")
    reader(field)


UNQUALIFIED = {"23G", "35B"}

#: Tag -> its reader. A tag that is not here has its qualifier checked, no more.
READERS: dict[str, Callable[[Field], object]] = {
    "11A": currency,
    "17B": flag,
    "19A": money,
    "20C": reference,
    "20D": reference,
    "20U": reference,
    "22F": code,
    "22H": code,
    "23G": function,
    "24B": code,
    "25D": code,
    "35B": instrument,
    "36B": quantity,
    "36D": quantity,
    "69A": period,
    "70C": narrative,
    "70D": narrative,
    "70E": narrative,
    "90A": price,
    "90B": price,
    "92A": rate,
    "95P": bic,
    "95Q": narrative,
    "95R": narrative,
    "97A": account,
    "97B": account,
    "97D": account,
    "98A": day,
    "98C": moment,
    "98E": moment,
    "99A": count,
}
