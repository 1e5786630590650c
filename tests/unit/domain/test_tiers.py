"""Tiers: the highest rule wins, and no rule ever lowers one."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_orchestration.domain import tiers
from workflow_orchestration.domain.actions.base import Assessment
from workflow_orchestration.domain.facts import Facts, FaultSide, Tier

if TYPE_CHECKING:
    from tests.unit.domain.conftest import Desk

ORDER = list(Tier)


def assessment(**changes: Any) -> Assessment:
    base: dict[str, Any] = {
        "root_cause": "ECON_AMOUNT", "fault_side": FaultSide.OWN, "codes": (), "default_action": "TASK", "diff": (),
        "exposure_eur": "100.00",
    }  # fmt: skip
    return Assessment(**base | changes)


@pytest.fixture(scope="module")
def facts(desk: Desk) -> Facts:
    return desk.facts("mt548-nmat-dmon-WO-1001")


@pytest.mark.parametrize(
    ("own", "changes", "needed", "reason"), [
        ("T1", {}, "T1", None),
        ("T1", {"exposure_eur": "9999999.99"}, "T1", None),
        ("T1", {"exposure_eur": "10000000.00"}, "T3", "EUR 10m or more"),
        ("T2", {"exposure_eur": None}, "T3", "exposure unknown"),
        ("T0", {"exposure_eur": "50000000.00"}, "T0", None),
        ("T2", {"codes": ("NMAT/DELN",)}, "T3", "NMAT/DELN needs at least T3"),
        ("T1", {"codes": ("NMAT/DMON", "NMAT/DSEC")}, "T3", "NMAT/DSEC"),
        ("T0", {"codes": ("NMAT/DTRA",)}, "T3", "NMAT/DTRA"),
        ("T1", {"suspected_injection": True}, "T3", "reads like an instruction"),
        ("T1", {"stop": True}, "STOP", "compliance only"),
        ("T1", {"stop": True, "suspected_injection": True}, "STOP", "compliance only"),
    ]
)  # fmt: skip
def test_highest_rule_wins_and_says_why(
    facts: Facts, own: str, changes: dict[str, Any], needed: str, reason: str | None
) -> None:
    raised = tiers.raised(Tier(own), facts, assessment(**changes))
    assert raised.tier is Tier(needed)
    assert raised.reasons == () if reason is None else any(reason in text for text in raised.reasons)


def test_cancelling_a_matched_instruction_needs_a_supervisor(desk: Desk) -> None:
    matched = desk.facts("mt548-mach-WO-1001")
    assert tiers.raised(Tier.T2, matched, assessment(), cancels=True).tier is Tier.T3
    assert tiers.raised(Tier.T2, matched, assessment(), cancels=False).tier is Tier.T2


_CODES = st.lists(st.sampled_from(["NMAT/DMON", "NMAT/DSEC", "PENF/BLOC", "PEND/LACK"]), max_size=3).map(tuple)
_AMOUNTS = st.none() | st.decimals(0, 10**9, places=2).map(str)


@given(st.sampled_from(ORDER), _CODES, _AMOUNTS, st.booleans(), st.booleans())
def test_no_rule_ever_lowers_a_tier(
    facts: Facts, own: Tier, codes: tuple[str, ...], amount: str | None, stop: bool, injected: bool
) -> None:
    found = assessment(codes=codes, exposure_eur=amount, stop=stop, suspected_injection=injected)
    assert ORDER.index(tiers.raised(own, facts, found).tier) >= ORDER.index(own)


@given(st.sampled_from(ORDER[1:]), st.decimals(0, 10**9, places=2), st.decimals(0, 10**9, places=2))
def test_more_exposure_never_needs_fewer_people(facts: Facts, own: Tier, a: Decimal, b: Decimal) -> None:
    small, large = sorted((a, b))
    needed = [tiers.raised(own, facts, assessment(exposure_eur=str(x))).tier for x in (small, large)]
    assert ORDER.index(needed[0]) <= ORDER.index(needed[1])
