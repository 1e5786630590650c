"""State that cannot go bad: every channel holds a frozen model, and what is not valid fails the node that wrote it.

LangGraph checks a state on input only: a bad output would be stored and then every read of the thread would raise.
So the node wrapper checks each update (`checked`), and the reducers (`replace`) check again for what comes by
another way. Bare primitives at the top level are not allowed: NaN, NUL and integers over 64 bits kill a checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel, ValidationError

from workflow_orchestration.domain.canonical import plain
from workflow_orchestration.domain.errors import InvalidUpdate

M = TypeVar("M", bound=BaseModel)
_MAX_INT = 2**63 - 1


def replace(model: type[M]) -> Callable[[M | None, M], M]:
    """A reducer: the new value replaces the old, if it is a valid `model`."""

    def reduce(_old: M | None, new: M) -> M:
        return _valid(model, new, "a reducer")

    return reduce


def merge(model: type[M], combine: Callable[[M | None, M], M]) -> Callable[[M | None, M], M]:
    """A reducer for branches that run side by side: `combine` must not depend on their order."""

    def reduce(old: M | None, new: M) -> M:
        return combine(old, _valid(model, new, "a reducer"))

    return reduce


def checked(schema: type[Any], update: Any, node: str) -> dict[str, Any]:
    """A node's update, or InvalidUpdate naming node, channel and cause."""
    if not isinstance(update, dict):
        raise InvalidUpdate(f"node {node} returned {type(update).__name__}, not an update")
    channels: dict[str, type[BaseModel]] = get_type_hints(schema)
    for name, value in update.items():
        if name not in channels:
            raise InvalidUpdate(f"node {node} wrote {name!r}; the state has {', '.join(channels)}")
        _valid(channels[name], value, f"node {node}, channel {name}")
    return update


def _valid(model: type[M], value: Any, where: str) -> M:
    if not isinstance(value, model):
        raise InvalidUpdate(f"{where}: {type(value).__name__} is not a {model.__name__}")
    try:
        valid = model.model_validate(value.model_dump())
        _storable(plain(valid))
    except ValidationError as error:  # before ValueError, which it is; its own text is for programmers
        causes = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise InvalidUpdate(f"{where}: {causes}") from None
    except (TypeError, ValueError) as error:
        raise InvalidUpdate(f"{where}: {error}") from None
    return valid


def _storable(value: Any) -> None:
    """msgpack holds 64-bit integers; a larger one would kill the checkpoint."""
    match value:
        case bool():
            return
        case int() if abs(value) > _MAX_INT:
            raise ValueError(f"integer {str(value)[:30]} exceeds 64 bits")
        case dict():
            for item in value.values():
                _storable(item)
        case list():
            for item in value:
                _storable(item)
