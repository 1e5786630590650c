"""State cannot go bad: what is invalid is refused before it is stored, with node, channel and cause."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from workflow_orchestration.domain.errors import InvalidUpdate
from workflow_orchestration.workflows.common.state import checked, replace


class Seen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    n: int = Field(0, ge=0)
    answer: dict[str, Any] = {}


class Other(BaseModel):
    pass


class Channels(TypedDict):
    seen: Annotated[Seen, replace(Seen)]


INVALID = [
    ("not an update", "node act returned str, not an update"),
    (None, "node act returned NoneType"),
    ({"stranger": Seen()}, "node act wrote 'stranger'; the state has seen"),
    ({"seen": {"n": 1}}, "node act, channel seen: dict is not a Seen"),
    ({"seen": Other()}, "node act, channel seen: Other is not a Seen"),
    ({"seen": Seen.model_construct(n=-1, answer={})}, "node act, channel seen: n: Input should be greater than"),
    ({"seen": Seen(answer={"x": float("nan")})}, "node act, channel seen: float nan"),
    ({"seen": Seen(answer={"x": [0.5]})}, "node act, channel seen: float 0.5"),
    ({"seen": Seen(answer={"x": "a\x00b"})}, "node act, channel seen: .*NUL"),
    ({"seen": Seen(answer={"x": 2**70})}, "node act, channel seen: integer 11805.* exceeds 64 bits"),
    ({"seen": Seen(answer={"x": [{"y": -(2**64)}]})}, "exceeds 64 bits"),
    ({"seen": Seen(answer={"x": object()})}, "no canonical form"),
]


@pytest.mark.parametrize(("update", "said"), INVALID)
def test_an_invalid_update_is_refused_by_node_channel_and_cause(update, said):
    with pytest.raises(InvalidUpdate, match=said):
        checked(Channels, update, "act")


def test_a_valid_update_passes_unchanged():
    update = {"seen": Seen(n=1, answer={"ok": True, "list": [1, "x", None], "big": 2**63 - 1})}
    assert checked(Channels, update, "act") is update
    assert checked(Channels, {}, "act") == {}


@pytest.mark.parametrize("value", [{"n": 1}, Other(), Seen.model_construct(n=-1, answer={}), Seen(answer={"x": 2**70})])
def test_the_reducer_refuses_what_comes_by_another_way(value):
    with pytest.raises(InvalidUpdate, match="a reducer"):
        replace(Seen)(Seen(), value)


def test_the_reducer_lets_the_new_value_replace_the_old():
    assert replace(Seen)(Seen(n=1), Seen(n=2)) == Seen(n=2)
    assert replace(Seen)(None, Seen(n=2)) == Seen(n=2)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_what_passes_can_be_stored(value):
    try:
        update = checked(Channels, {"seen": Seen(answer={"x": value})}, "act")
    except InvalidUpdate:
        return
    import ormsgpack

    ormsgpack.packb(update["seen"].model_dump())
