"""FIELD=VALUE options as a body: dotted fields nest, and values stay text unless they are clearly JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from workflow_orchestration.cli.exits import WrongUsage

_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


def assignments(given: Sequence[str], *, option: str) -> dict[str, Any]:
    """`["quantity.value=100", "hold=true"]` as {"quantity": {"value": "100"}, "hold": True}."""
    body: dict[str, Any] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not all(name.split(".")):
            raise WrongUsage(f"{option} {text!r} is no FIELD=VALUE", f"Write {option} field=value.")
        _put(body, name, _value(value, option=option), option=option)
    return body


def _put(body: dict[str, Any], name: str, value: Any, *, option: str) -> None:
    *path, last = name.split(".")
    inner = body
    for part in path:
        inner = inner.setdefault(part, {})
        if not isinstance(inner, dict):
            raise WrongUsage(
                f"{option}: {name} goes into {part}, which has a value of its own", "Give only one of them."
            )
    if last in inner:
        raise WrongUsage(f"{option}: {name} is given twice", "Give it once.")
    inner[last] = value


def _value(text: str, *, option: str) -> Any:
    """Numbers stay text: amounts are decimals, and a JSON number would become a float on the way."""
    if text in _WORDS:
        return _WORDS[text]
    if not text.startswith(("{", "[", '"')):
        return text
    try:
        return json.loads(text, parse_float=str)
    except ValueError as error:
        raise WrongUsage(
            f"{option}: {text[:80]!r} begins like JSON but is none: {error}", "Correct the JSON."
        ) from None
