from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from workflow_orchestration.domain.book import Instruction
from workflow_orchestration.domain.messages import compose
from workflow_orchestration.domain.messages.compare import changed_fields
from workflow_orchestration.domain.records import Money, Party, Quantity

ROW = Instruction(
    our_ref="WO-1002",
    message_type="543",
    account="SAFE-0002",
    isin="DE0007164600",
    quantity=Quantity(type="UNIT", value=Decimal(2000)),
    amount=Money(ccy="EUR", value=Decimal("255000.00")),
    trade_date=date(2026, 11, 20),
    settlement_date=date(2026, 11, 24),
    parties=(Party(role="BUYR", bic="BRKRFRPPXXX"), Party(role="PSET", bic="DAKVDEFFXXX")),
)


def text(hour: int = 9, previous: str | None = None, **fields) -> str:
    return compose.instruction(
        ROW.model_copy(update=fields),
        sender="WOTRDEFFXXX",
        receiver="CUSTDEFFXXX",
        prepared=datetime(2026, 11, 24, hour, tzinfo=UTC),
        previous=previous,
    )


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"amount": Money(ccy="EUR", value=Decimal(250000))}, ("amount",)),
        ({"amount": Money(ccy="USD", value=Decimal(255000))}, ("amount",)),
        ({"quantity": Quantity(type="FAMT", value=Decimal(2000))}, ("quantity",)),
        ({"account": "SAFE-0001"}, ("account",)),
        ({"isin": "FR0000120271"}, ("isin",)),
        ({"settlement_date": date(2026, 11, 25)}, ("settlement_date",)),
        ({"trade_date": None}, ("trade_date",)),
        ({"transaction_type": "REPU"}, ("transaction_type",)),
        ({"partial": "PART"}, ("partial",)),
        ({"common_ref": "C1"}, ("common_ref",)),
        ({"hold": True}, ("hold",)),
        ({"message_type": "541"}, ("message_type",)),
        ({"parties": ROW.parties[1:]}, ("parties",)),
        ({"parties": (Party(role="SELL", bic="BRKRFRPPXXX"), ROW.parties[1])}, ("parties",)),
        ({"amount": None, "partial": "NPAR"}, ("amount", "partial")),
    ],
)
def test_each_changed_term_is_named(fields, names):
    assert changed_fields(text(), text(our_ref="WO-1002-R1", previous="WO-1002", **fields)) == names


def test_a_replacement_in_the_same_terms_changes_nothing():
    assert changed_fields(text(), text(hour=11, our_ref="WO-1002-R1", previous="WO-1002")) == ()


def test_spelling_is_not_a_change():
    respelt = text().replace("\r\n", "\n").replace("EUR255000,00", "EUR255000,").replace("2000,", "2000,0")
    assert changed_fields(text(), respelt) == ()


def test_a_field_without_a_name_of_its_own_is_named_by_its_path():
    other = text().replace(":22F::SETR", ":22F::RTGS//YRTG\r\n:22F::SETR")
    assert changed_fields(text(), other) == ("SETDET/22F::RTGS",)


def test_another_receiver_is_a_change():
    assert changed_fields(text(), text().replace("CUSTDEFF", "EVILDEFF")) == ("receiver",)
