"""Phases, keys, and which items open a case."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_orchestration.domain import cases
from workflow_orchestration.domain.cases import EDGES, Phase
from workflow_orchestration.domain.errors import Conflict
from workflow_orchestration.domain.records import MessageItem, Money

if TYPE_CHECKING:
    from tests.unit.domain.conftest import Desk


def test_every_phase_has_its_edges() -> None:
    assert set(EDGES) == set(Phase)


def test_every_phase_can_be_reached() -> None:
    seen, waiting = {Phase.RECEIVED}, [Phase.RECEIVED]
    while waiting:
        waiting += (found := EDGES[waiting.pop()] - seen)
        seen |= found
    assert seen == set(Phase)


def test_the_usual_way_is_legal() -> None:
    names = "RECEIVED NORMALISED TRIAGED INVESTIGATING PROPOSED AWAITING_APPROVAL APPROVED EXECUTING AWAITING_EXTERNAL"
    way = [Phase(name) for name in (names + " RESOLVED CLOSED REOPENED NORMALISED").split()]
    for before, after in pairwise(way):
        cases.check_edge(before, after)


@given(st.sampled_from(Phase), st.sampled_from(Phase))
def test_only_listed_edges_are_legal(before: Phase, after: Phase) -> None:
    if before is after or after in EDGES[before]:
        cases.check_edge(before, after)
    else:
        with pytest.raises(Conflict, match=f"from {before} to {after}"):
            cases.check_edge(before, after)


def test_refused_input_leads_nowhere() -> None:
    with pytest.raises(Conflict, match="nothing: it is final"):
        cases.check_edge(Phase.REJECTED_INPUT, Phase.TRIAGED)


@pytest.mark.parametrize("ended", [Phase.CLOSED, Phase.CANCELLED])
def test_ended_case_comes_back_only_by_reopening(ended: Phase) -> None:
    assert EDGES[ended] == {Phase.REOPENED}


def test_nothing_is_carried_out_from_the_gate_without_approval() -> None:
    assert [phase for phase, after in EDGES.items() if Phase.APPROVED in after] == [Phase.AWAITING_APPROVAL]
    assert Phase.EXECUTING not in EDGES[Phase.AWAITING_APPROVAL]


@pytest.mark.parametrize(
    ("changes", "key"), [
        ({}, "SAFE-0002/WO-1001"),
        ({"our_ref": "WO-1001-R1"}, "SAFE-0002/WO-1001"),
        ({"our_ref": "WO-1001-R1-X2"}, "SAFE-0002/WO-1001"),
        ({"our_ref": None}, "SAFE-0002/CSD261120001001"),
        ({"our_ref": None, "csd_ref": None}, "SAFE-0002/CUST261124000101#1"),
        ({"function": "CANC", "our_ref": "C-1", "previous_ref": "WO-1001"}, "SAFE-0002/WO-1001"),
    ]
)  # fmt: skip
def test_key_is_account_and_the_instructions_reference(desk: Desk, changes: dict[str, Any], key: str) -> None:
    item = desk.item("mt548-nmat-dmon-WO-1001", **changes)
    assert cases.case_key(item, "SAFE-0002") == key


def test_item_without_an_account_is_unassigned(desk: Desk) -> None:
    assert cases.case_key(desk.item("mt548-nmat-dmon-WO-1001"), None) == "unassigned/WO-1001"


@given(st.from_regex(r"[A-Z0-9][A-Z0-9/-]{0,11}", fullmatch=True))
def test_derived_references_lead_back_to_the_same_case(reference: str) -> None:
    for derived in (cases.replacement_reference(reference), cases.derived_reference(reference, "X", ())):
        if derived is not None:
            assert cases.base_reference(derived) == cases.base_reference(reference)
            assert len(derived) <= 16


def test_replacements_count_on() -> None:
    assert cases.replacement_reference("WO-1") == "WO-1-R1"
    assert cases.replacement_reference("WO-1-R1") == "WO-1-R2"
    assert cases.replacement_reference("A" * 14) is None


@pytest.mark.parametrize(
    ("status", "reasons", "root"), [
        ("MTCH/NMAT", ("DMON",), "ECON_AMOUNT"), ("SETT/PEND", ("LACK",), "OWN_STOCK"),
        ("SETT/PENF", ("CLAC",), "CPTY_STOCK"), ("IPRC/REJT", (), "REJECTED"), ("IPRC/REPR", (), "REPAIR"),
        ("SETT/PEND", ("FUTU",), None), ("SETT/PEND", ("CYCL", "FUTU"), None), ("MTCH/MACH", (), None),
        ("IPRC/CAND", (), None), ("IPRC/PACK", (), None), ("XXXX/YYYY", (), "OTHER"),
    ]
)  # fmt: skip
def test_exceptions_open_a_case_and_progress_does_not(
    desk: Desk, status: str, reasons: tuple[str, ...], root: str | None
) -> None:
    reason = cases.opens_case(desk.status(status, *reasons), has_instruction=True)
    assert (reason or "none").split(":")[0] == (root or "none")


@pytest.mark.parametrize(
    ("name", "known", "root"), [
        ("mt578-allegement-WO-1001", False, "UNINSTRUCTED"), ("mt578-allegement-WO-1001", True, None),
        ("mt541-newm-WO-1001", True, None), ("mt545-confirmation-WO-1001", True, None),
    ]
)  # fmt: skip
def test_allegement_opens_a_case_only_without_our_instruction(
    desk: Desk, name: str, known: bool, root: str | None
) -> None:
    reason = cases.opens_case(desk.item(name), has_instruction=known)
    assert (reason or "none").split(":")[0] == (root or "none")


def test_bad_data_opens_a_case_whatever_the_kind(desk: Desk) -> None:
    item = desk.item("mt541-newm-WO-1001", isin="DE0007164601")
    assert (cases.opens_case(item, has_instruction=True) or "").startswith("DATA_QUALITY: ISIN DE0007164601")


def test_item_without_a_case_says_why(desk: Desk) -> None:
    assert cases.no_case_reason(desk.item("mt548-mach-WO-1001")) == "a status that reports no exception (MTCH/MACH)"
    assert "kept for comparison" in cases.no_case_reason(desk.item("mt541-newm-WO-1001"))


NAME = "mt548-nmat-dmon-WO-1001"


def test_repeated_status_says_nothing_new(desk: Desk) -> None:
    again = desk.item(NAME, sender_ref="LATER", n=7, matched_at=desk.now)
    assert cases.same_status(desk.item(NAME), again)


@pytest.mark.parametrize("changes", [
    {"amount": Money(ccy="EUR", value=Decimal(1))}, {"statuses": ()}, {"kind": "confirmation"},
    {"settlement_date": None}, {"isin": "FR0000120271"},
])  # fmt: skip
def test_changed_statuses_or_economics_are_news(desk: Desk, changes: dict[str, Any]) -> None:
    assert not cases.same_status(desk.item(NAME), desk.item(NAME, **changes))


def test_amount_written_with_more_zeros_is_no_news(desk: Desk) -> None:
    longer = desk.item(NAME, amount=Money(ccy="EUR", value=Decimal("123456.500")))
    assert cases.same_status(desk.item(NAME), longer)


def test_evidence_stays_with_the_item_that_said_it_first(desk: Desk) -> None:
    first, again = desk.item(NAME), desk.item(NAME, sender_ref="LATER")
    other = desk.status("MTCH/NMAT", "CMIS")
    assert cases.first_said((other, first, again), again) is first
    assert cases.first_said((first, other, again), again) is again
    assert cases.status_changes((other, first, again)) == 2


def test_deciding_about_a_case_loads_no_calendar_and_no_action() -> None:
    code = "import sys, workflow_orchestration.domain.cases; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"exchange_calendars", "holidays", "pandas", "rapidfuzz", "workflow_orchestration.domain.actions"}
    assert heavy.isdisjoint(done.stdout.split())


def test_item_without_economics_can_be_compared(bare_item: MessageItem) -> None:
    assert cases.same_status(bare_item, bare_item)
