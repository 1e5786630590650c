"""One way to turn a value into bytes, so that equal facts have equal hashes wherever they are computed."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from pydantic import BaseModel


def plain(value: Any) -> Any:
    """JSON-safe form: Decimals, dates, times (UTC, microseconds, `Z`) and ids become text; floats are refused.

    A float would hash by its binary accident; quantities and money are Decimals everywhere.
    """
    kind = type(value)
    if kind is str:  # text and objects are nearly all of it: they need not go the long way down
        return _kept(value)
    if kind is dict:
        return {str(k): plain(v) for k, v in value.items()}
    match value:
        case None | bool() | int():
            return value
        case Enum():
            return plain(value.value)
        case str():
            return _kept(value)
        case float():
            raise TypeError(f"float {value!r} in hashed data; use Decimal")
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case date():
            return value.isoformat()
        case UUID():
            return str(value)
        case BaseModel():
            return {name: plain(getattr(value, name)) for name in type(value).model_fields}
        case dict():
            return {str(k): plain(v) for k, v in value.items()}
        case list() | tuple():
            return [plain(v) for v in value]
        case set() | frozenset():
            return sorted(plain(v) for v in value)
    raise TypeError(f"{type(value).__name__} has no canonical form")


def _kept(text: str) -> str:
    if "\x00" in text:
        raise ValueError("text contains NUL, which PostgreSQL cannot keep")
    return text


def canonical(value: Any) -> bytes:
    """UTF-8 JSON with sorted keys and no spaces."""
    return written(plain(value))


def written(plain_value: Any) -> bytes:
    """`canonical` of what `plain` has made already."""
    return json.dumps(plain_value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(value: Any) -> str:
    """`sha256:<hex>` of a value's canonical bytes (of the bytes themselves for bytes)."""
    data = value if isinstance(value, bytes) else canonical(value)
    return "sha256:" + hashlib.sha256(data).hexdigest()
