"""Cover: stock for a delivery, cash for a receipt."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from workflow_orchestration.domain.projection import cover

if TYPE_CHECKING:
    from tests.unit.domain.conftest import Desk

DELIVERY, RECEIPT = "mt548-pend-prea-WO-1005", "mt548-penf-clac-WO-1004"


@pytest.mark.parametrize(
    ("name", "row", "available", "enough"), [
        (DELIVERY, "stock", "500", True), (DELIVERY, "stock", "499", False),
        (RECEIPT, "cash", "1970000", True), (RECEIPT, "cash", "1969999.99", False),
    ]
)  # fmt: skip
def test_available_must_reach_what_is_instructed(desk: Desk, name: str, row: str, available: str, enough: bool) -> None:
    held = getattr(desk.facts(name), row).model_copy(update={"available": Decimal(available)})
    assert cover(desk.facts(name, **{row: held})).enough is enough


@pytest.mark.parametrize(
    ("name", "changes", "words"), [
        (DELIVERY, {"stock": None}, "no position of FR0000120271"), (RECEIPT, {"cash": None}, "no position of EUR"),
        (DELIVERY, {"instruction": None}, "no instruction"),
    ]
)  # fmt: skip
def test_what_is_not_on_file_is_not_known(desk: Desk, name: str, changes: dict[str, Any], words: str) -> None:
    found = cover(desk.facts(name, **changes))
    assert found.enough is None
    assert words in found.detail


def test_free_receipt_needs_nothing(desk: Desk) -> None:
    ours = desk.book["instruction/WO-1004"].model_copy(update={"message_type": "540", "amount": None})
    assert cover(desk.facts(RECEIPT, instruction=ours)).enough is True


def test_receipt_without_an_amount_is_not_known(desk: Desk) -> None:
    ours = desk.book["instruction/WO-1004"].model_copy(update={"amount": None})
    assert cover(desk.facts(RECEIPT, instruction=ours)).enough is None
