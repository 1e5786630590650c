"""How values read on a page: names, times, amounts, time left. Pure text; the templates' filters."""

from __future__ import annotations

import json
import re
from datetime import datetime
from decimal import Decimal
from typing import Any

#: Words that are written otherwise than they are spelt in code.
_WORDS = {
    "isin": "ISIN", "ssi": "SSI", "bic": "BIC", "csd": "CSD", "id": "id", "eur": "EUR", "dk": "DK",
    "cpty": "counterparty", "econ": "economic", "qty": "quantity", "ccy": "currency",
    "sha256": "SHA-256", "ssis": "SSIs", "utc": "UTC",
    "ops": "ops", "fx": "FX", "ref": "reference", "docs": "documents", "info": "information", "at": "at",
}  # fmt: skip
#: Short codes that people say as they are: tiers, bands, validators, rules, message types.
_CODE = re.compile(r"(?:[TPV]\d+|W\d-R\d+|MT\d+|STOP)")
_SHOWN_IN_GIST = 4


def label(name: object) -> str:
    """`AWAITING_APPROVAL` and `settlement_date` as people read them; codes and plain words stay."""
    text = str(name)
    if not text or _CODE.fullmatch(text) or " " in text:
        return text
    words = [_WORDS.get(word.lower(), word.lower()) for word in re.split(r"[_.\-]+", text) if word]
    joined = " ".join(words)
    return joined[:1].upper() + joined[1:]


def moment(at: datetime) -> str:
    """UTC to the second, and saying so."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def remaining(at: datetime, now: datetime) -> str:
    """Time left until a deadline, or since it passed. console.js says the same words."""
    seconds = int((at - now).total_seconds())
    total = abs(seconds)
    days, hours, minutes = total // 86400, total // 3600 % 24, total // 60 % 60
    if days:
        text = f"{days} d {hours:02} h"
    elif hours:
        text = f"{hours} h {minutes:02} min"
    else:
        text = f"{minutes} min {total % 60:02} s"
    return f"{text} ago" if seconds < 0 else f"in {text}"


def amount(value: Decimal | None, decimals: int = 2) -> str:
    """Grouped digits; what is not known is said, never shown as zero."""
    return "not known" if value is None else f"{value:,.{decimals}f}"


def pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)


def gist(data: dict[str, Any]) -> str:
    """The first plain values of a log entry in one line; the whole is one click away."""
    plain = [
        (name, value)
        for name, value in data.items()
        if isinstance(value, str | int) and value != "" and not _is_reference(name, value)
    ]
    told = ", ".join(f"{label(name).lower()} {_short(str(value))}" for name, value in plain[:_SHOWN_IN_GIST])
    return told or "details"


def _is_reference(name: str, value: object) -> bool:
    return name in ("before", "after") or name.endswith("_id") or str(value).startswith("sha256:")


def _short(text: str, limit: int = 90) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


FILTERS = {"label": label, "moment": moment, "remaining": remaining, "amount": amount, "pretty": pretty, "gist": gist}
