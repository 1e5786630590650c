"""The code table: complete, and the worst of several codes decides."""

from __future__ import annotations

import csv
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_orchestration.domain import codes, playbook
from workflow_orchestration.domain.actions import ACTIONS
from workflow_orchestration.domain.facts import Tier
from workflow_orchestration.domain.records import MessageItem, Reason, Status

_STATUS_OF = {"NMAT": ("MTCH", "NMAT"), "PEND": ("SETT", "PENF")}
ALL = sorted(codes.table())


def status(name: str, *reasons: str) -> Status:
    qualifier, code = name.split("/")
    return Status(qualifier=qualifier, code=code, reasons=tuple(Reason(qualifier=code, code=r) for r in reasons))


def test_table_holds_forty_unmatched_and_sixty_eight_pending_codes() -> None:
    assert sum(name == "NMAT" for name, _ in ALL) == 40
    assert sum(name == "PEND" for name, _ in ALL) == 68


@pytest.mark.parametrize(("code_set", "code"), ALL)
def test_every_code_resolves_to_its_own_row_and_a_known_action(code_set: str, code: str) -> None:
    row = codes.table()[(code_set, code)]
    found = codes.classify([status("/".join(_STATUS_OF[code_set]), code)])
    assert (found.root_cause, found.exception, found.stop) == (row.root_cause, row.exception, row.stop)
    assert row.action in {codes.COMPARE, *ACTIONS, *playbook.STAND_INS}
    assert row.meaning in found.notes[0]


def test_table_agrees_with_the_iso_code_sets(shared_data: Path) -> None:
    text = (shared_data / "prowide-iso20022" / "iso20022_settlement_code_sets.csv").read_text("utf-8")
    sets = {"UnmatchedReason11Code": "NMAT", "PendingReason24Code": "PEND", "FailingReason4Code": "PEND"}
    iso = {(sets[r["code_set"]], r["code"]) for r in csv.DictReader(text.splitlines()) if r["code_set"] in sets}
    assert iso == set(ALL)


def test_only_legal_stops_stop_and_only_future_and_cycle_are_no_exception() -> None:
    rows = codes.table()
    assert {code for (_, code), row in rows.items() if row.stop} == {"CPEC", "BLOC", "OBJT"}
    assert {code for (_, code), row in rows.items() if not row.exception} == {"FUTU", "CYCL"}


@pytest.mark.parametrize(
    ("code", "floor"), [("NMAT/DELN", "T3"), ("NMAT/DSEC", "T3"), ("NMAT/DTRA", "T3"), ("PENF/BYIY", "T3"),
                        ("PEND/BLOC", "STOP"), ("PEND/BENO", "T3"), ("NMAT/DMON", "T0"), ("NMAT/ZZZZ", "T0")]
)  # fmt: skip
def test_codes_that_may_be_a_trade_error_have_a_tier_floor(code: str, floor: str) -> None:
    assert codes.floor(code) is Tier(floor)


@pytest.mark.parametrize(
    ("reasons", "worst"), [
        (("DMON", "DEPT"), "ECON_AMOUNT"), (("DMON", "DELN"), "ECON_TERMS"), (("OTHR", "DQUA"), "ECON_QTY"),
    ]
)  # fmt: skip
def test_worst_code_decides_in_whatever_order_they_come(reasons: tuple[str, ...], worst: str) -> None:
    for order in permutations(reasons):
        assert codes.classify([status("MTCH/NMAT", *order)]).root_cause == worst


def test_legal_stop_outranks_everything_else() -> None:
    found = codes.classify([status("SETT/PENF", "LACK", "BLOC", "BYIY")])
    assert (found.root_cause, found.stop, found.codes[0]) == ("LEGAL_STOP", True, "PENF/BLOC")


def test_an_exception_outranks_a_code_that_is_none() -> None:
    assert codes.classify([status("SETT/PEND", "FUTU", "LACK")]).root_cause == "OWN_STOCK"


def test_unknown_code_goes_to_a_person_and_says_so() -> None:
    found = codes.classify([status("MTCH/NMAT", "ZZZZ")])
    assert (found.root_cause, found.action) == ("OTHER", "TASK")
    assert "code ZZZZ is not in the NMAT table" in found.notes[0]


@pytest.mark.parametrize("name", ["SETT/WHAT", "XXXX/YYYY"])
def test_unknown_status_goes_to_a_person_and_says_so(name: str) -> None:
    found = codes.classify([status(name)])
    assert (found.root_cause, found.action, found.exception) == ("OTHER", "TASK", True)
    assert f"status {name} is not known" in found.notes[0]


def test_unmatched_without_a_reason_goes_to_a_person() -> None:
    assert "without a reason code" in codes.classify([status("MTCH/NMAT")]).notes[0]


@pytest.mark.parametrize(
    ("name", "root"), [("IPRC/REJT", "REJECTED"), ("IPRC/REPR", "REPAIR"), ("CPRC/DEND", "REJECTED")]
)
def test_refused_instruction_opens_a_case_for_a_person(name: str, root: str) -> None:
    found = codes.classify([status(name, "SAFE")])
    assert (found.root_cause, found.action, found.exception) == (root, "TASK", True)
    assert "SAFE" in found.notes[0]


@pytest.mark.parametrize("name", ["MTCH/MACH", "IPRC/PACK", "IPRC/CAND", "IPRC/CPRC", "CPRC/CAND", "TPRC/PACK"])
def test_progress_is_no_exception(name: str) -> None:
    assert codes.classify([status(name)]) == codes.NO_EXCEPTION


@given(st.lists(st.sampled_from([code for name, code in ALL if name == "PEND"]), min_size=1, max_size=5))
def test_worst_of_several_is_never_milder_than_each_alone(reasons: list[str]) -> None:
    together = codes.classify([status("SETT/PENF", *reasons)])
    each = [codes.classify([status("SETT/PENF", reason)]) for reason in reasons]
    tiers = list(Tier)
    assert together.stop == any(one.stop for one in each)
    assert tiers.index(together.floor) == max(tiers.index(one.floor) for one in each)


def item(base: MessageItem, *names: str, kind: str = "status") -> MessageItem:
    return base.model_copy(update={"kind": kind, "statuses": tuple(status(name) for name in names)})


def test_a_step_is_confirmed_by_a_status_it_expects(bare_item: MessageItem) -> None:
    assert codes.confirms(item(bare_item, "IPRC/CAND"), ("IPRC/CAND",))
    assert codes.confirms(item(bare_item, kind="confirmation"), ("MTCH/MACH", "confirmation"))
    assert not codes.confirms(item(bare_item, "IPRC/PACK"), ("IPRC/CAND",))


@pytest.mark.parametrize(
    ("names", "kind", "over"), [
        (("IPRC/CAND",), "status", "cancelled"), (("SETT/SETT",), "status", "settled"),
        ((), "confirmation", "settled"), (("MTCH/MACH",), "status", None),
    ]
)  # fmt: skip
def test_settled_and_cancelled_are_seen(
    bare_item: MessageItem, names: tuple[str, ...], kind: str, over: str | None
) -> None:
    assert codes.ended(item(bare_item, *names, kind=kind)) == over


@pytest.mark.parametrize(("code", "over"), [("DSET", "settled"), ("DCAN", "cancelled")])
def test_denial_because_it_is_over_counts_as_over(bare_item: MessageItem, code: str, over: str) -> None:
    denied = bare_item.model_copy(update={"statuses": (status("CPRC/DEND", code),)})
    assert codes.ended(denied) == over


def test_match_closes_an_unmatched_case_only(bare_item: MessageItem) -> None:
    match = item(bare_item, "MTCH/MACH")
    assert codes.closes(match, ("NMAT/DMON",))
    assert not codes.closes(match, ("PENF/CLAC",))
    assert not codes.closes(item(bare_item, "MTCH/NMAT"), ("NMAT/DMON",))


def test_settlement_closes_every_case(bare_item: MessageItem) -> None:
    assert codes.closes(item(bare_item, kind="confirmation"), ("PENF/CLAC",))


def test_match_with_a_failing_status_beside_it_closes_nothing(bare_item: MessageItem) -> None:
    both = bare_item.model_copy(update={"statuses": (status("MTCH/MACH"), status("SETT/PENF", "CLAC"))})
    assert not codes.closes(both, ("NMAT/DMON",))


def test_newest_match_status_outranks_the_book(bare_item: MessageItem) -> None:
    match, unmatch = item(bare_item, "MTCH/MACH"), item(bare_item, "MTCH/NMAT")
    assert codes.matched([unmatch, match], by_book=False)
    assert not codes.matched([match, unmatch], by_book=True)
    assert codes.matched([], by_book=True)
