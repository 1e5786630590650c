"""The queue's order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_orchestration.domain.priority import Priority, priority


def rank(**changes: Any) -> Priority:
    base: dict[str, Any] = {"minutes_to_cutoff": 480, "exposure_eur": None, "penalty_eur": None, "days_open": 0}
    return priority(**base | changes)


@pytest.mark.parametrize(
    ("changes", "score", "band"), [
        ({}, "0.0", "P4"),
        ({"minutes_to_cutoff": 0}, "40.0", "P3"),
        ({"minutes_to_cutoff": -5}, "40.0", "P3"),
        ({"minutes_to_cutoff": 240}, "20.0", "P4"),
        ({"minutes_to_cutoff": None}, "0.0", "P4"),
        ({"exposure_eur": Decimal(10) ** 9}, "30.0", "P3"),
        ({"penalty_eur": Decimal(99)}, "8.0", "P4"),
        ({"days_open": 25}, "10.0", "P4"),
        ({"minutes_to_cutoff": 0, "exposure_eur": Decimal(10) ** 9}, "70.0", "P1"),
        ({"minutes_to_cutoff": 0, "days_open": 10}, "50.0", "P2"),
    ]
)  # fmt: skip
def test_parts_add_up_to_score_and_band(changes: dict[str, Any], score: str, band: str) -> None:
    found = rank(**changes)
    assert (found.score, found.band) == (score, band)


@given(
    st.none() | st.integers(-10_000, 10_000), st.none() | st.decimals(0, 10**13, places=2),
    st.none() | st.decimals(0, 10**9, places=2), st.integers(0, 400),
)  # fmt: skip
def test_score_stays_between_0_and_100(
    minutes: int | None, exposure: Decimal | None, penalty: Decimal | None, days: int
) -> None:
    found = rank(minutes_to_cutoff=minutes, exposure_eur=exposure, penalty_eur=penalty, days_open=days)
    assert 0 <= Decimal(found.score) <= 100


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_nearer_cutoff_never_ranks_lower(a: int, b: int) -> None:
    near, far = min(a, b), max(a, b)
    assert Decimal(rank(minutes_to_cutoff=near).score) >= Decimal(rank(minutes_to_cutoff=far).score)
