"""Request bodies, read strictly: bounded in size, UTF-8, of the content type the endpoint takes, and honest JSON.

Python's JSON reader takes NaN, integers of any length and lone surrogates; none of them can be stored or hashed.
Numbers with a fraction become Decimals, so that no quantity passes through a binary float.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from email.message import Message
from typing import Any

from fastapi import Request

from workflow_orchestration.domain.errors import InvalidRequest, TooLarge, UnsupportedContent

_JSON = "application/json"
#: PostgreSQL's bigint; more is no count, amount or id of ours.
_LARGEST = 2**63
#: Powers of ten: 1e60 is more than any money, and writing 1e999999999 out would fill the memory.
_LARGEST_EXPONENT = 60
_DEEPEST = 32
_CHARSETS = (None, "utf-8", "us-ascii")


async def read(request: Request, takes: Iterable[str], limit: int) -> None:
    """Read and check the body; FastAPI then finds it read (and JSON already parsed)."""
    body = await _bounded(request, limit)
    if body or request.headers.get("content-type"):
        kind = _check_type(request, tuple(takes))
        if kind == _JSON and body:
            request._json = parse(body)
    request._body = body


async def _bounded(request: Request, limit: int) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise TooLarge(f"the body has {declared} bytes; the limit is {limit}", limit=limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise TooLarge(f"the body has more than {limit} bytes", limit=limit)
    return bytes(body)


def _check_type(request: Request, takes: tuple[str, ...]) -> str:
    header = Message()
    header["content-type"] = request.headers.get("content-type", "")
    kind, charset = header.get_content_type(), header.get_content_charset()
    if kind not in takes or not request.headers.get("content-type"):
        raise UnsupportedContent(f"content type {kind!r} is not taken", fix=f"Send {' or '.join(takes)}.")
    if charset not in _CHARSETS:
        raise UnsupportedContent(f"charset {charset!r} is not taken", fix="Send UTF-8.")
    return kind


def parse(body: bytes) -> Any:
    """JSON whose every value can be stored and hashed; InvalidRequest says what cannot."""
    try:
        value = json.loads(body.decode("utf-8"), parse_float=_decimal, parse_constant=_no_constant)
        _check(value, "", 0)
        return value
    except UnicodeDecodeError as error:
        raise _refused("", f"byte {error.start} is not UTF-8") from None
    except RecursionError:
        raise _refused("", f"nested deeper than {_DEEPEST}") from None
    except ValueError as error:
        raise _refused("", f"not JSON: {error}") from None


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if value and abs(value.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError(f"number {text[:40]} is out of range")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _check(value: Any, path: str, depth: int) -> None:
    if depth > _DEEPEST:
        raise _refused(path, f"nested deeper than {_DEEPEST}")
    match value:
        case str():
            _check_text(value, path)
        case int() if not -_LARGEST <= value < _LARGEST:
            raise _refused(path, "the number is larger than 64 bits")
        case dict():
            for name, inner in value.items():
                _check_text(name, path)
                _check(inner, f"{path}.{name}".strip("."), depth + 1)
        case list():
            for n, inner in enumerate(value):
                _check(inner, f"{path}.{n}".strip("."), depth + 1)


def _check_text(text: str, path: str) -> None:
    if "\x00" in text:
        raise _refused(path, "the text contains NUL")
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise _refused(path, "the text contains half a surrogate pair")


def _refused(field: str, cause: str) -> InvalidRequest:
    name = field[:100] or "body"
    return InvalidRequest(f"{name}: {cause}", errors=[{"field": name, "cause": cause}])
