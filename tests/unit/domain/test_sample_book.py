"""The sample book: loads without an error and fits the sample messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from workflow_orchestration.domain import book, diff
from workflow_orchestration.domain.facts import FaultSide

if TYPE_CHECKING:
    from tests.unit.domain.conftest import Desk


def rows(desk: Desk, kind: str) -> list[Any]:
    return [row for row in desk.book.values() if row.kind == kind]


def test_every_kind_has_a_row(desk: Desk) -> None:
    assert {row.kind for row in desk.book.values()} == set(book.KINDS)


def test_references_between_rows_hold(desk: Desk) -> None:
    for account in rows(desk, "account"):
        assert {f"contact/{account.contact}", f"market/{account.market}"} <= set(desk.book)
    for ours in rows(desk, "instruction"):
        assert {f"trade/{ours.trade_ref}", f"account/{ours.account}", f"security/{ours.isin}"} <= set(desk.book)


def test_who_captured_and_instructed_is_named(desk: Desk) -> None:
    makers = {row.captured_by for row in rows(desk, "trade")} | {row.instructed_by for row in rows(desk, "instruction")}
    assert makers == {"u_maker"}


@pytest.mark.parametrize("name", [
    "mt541-newm-WO-1001", "mt543-newm-WO-1002", "mt543-prea-WO-1005", "mt548-pend-lack-WO-1003",
    "mt548-penf-clac-WO-1004",
])  # fmt: skip
def test_book_says_what_our_messages_say(desk: Desk, name: str) -> None:
    item = desk.item(name)
    ours: Any = desk.book[f"instruction/{item.our_ref}"]
    for field in ("isin", "quantity", "amount", "account", "settlement_date", "trade_date", "parties"):
        assert getattr(ours, field) == getattr(item, field)


def test_only_one_instruction_is_wrong_on_purpose(desk: Desk) -> None:
    def at_fault(ours: Any) -> FaultSide:
        facts = desk.facts("mt548-mach-WO-1001", instruction=ours, trade=desk.book[f"trade/{ours.trade_ref}"])
        return diff.fault(diff.compare(facts))

    assert {row.our_ref for row in rows(desk, "instruction") if at_fault(row) is FaultSide.OWN} == {"WO-1002"}
