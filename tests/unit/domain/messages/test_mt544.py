from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from workflow_orchestration.domain.messages import parse


@pytest.mark.parametrize(
    ("name", "our_ref", "movement", "amount"),
    [
        ("mt545-confirmation-WO-1001", "WO-1001", "RECE", "123456.50"),
        ("mt547-confirmation-WO-1003", "WO-1003", "DELI", "4925000.00"),
    ],
)
def test_a_confirmation_names_our_instruction_and_what_settled(sample, name, our_ref, movement, amount):
    (item,) = parse(sample(name)).items
    assert (item.kind, item.our_ref, item.movement, item.payment) == ("confirmation", our_ref, movement, "APMT")
    assert item.amount.value == Decimal(amount)
    assert item.settlement_date == date(2026, 11, 24)


def test_what_settled_wins_over_what_was_instructed(sample):
    partly = sample("mt545-confirmation-WO-1001").replace(
        ":36B::ESTT//UNIT/1000,", ":36B::SETT//UNIT/1000,\n:36B::ESTT//UNIT/400,"
    )
    assert parse(partly).items[0].quantity.value == Decimal(400)


def test_the_effective_date_stands_in_for_a_missing_settlement_date(sample):
    text = sample("mt545-confirmation-WO-1001").replace(":98A::SETT//20261124\n", "")
    text = text.replace("ESET//20261124", "ESET//20261125")
    assert parse(text).items[0].settlement_date == date(2026, 11, 25)
