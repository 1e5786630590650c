from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from workflow_orchestration.domain.messages import parse, split_rje
from workflow_orchestration.domain.records import Money, Party


def test_an_instruction_is_known_by_its_own_reference(sample):
    (item,) = parse(sample("mt541-newm-WO-1001")).items
    assert (item.kind, item.our_ref, item.previous_ref, item.hold) == ("instruction", "WO-1001", None, False)
    assert item.price == Money(ccy="EUR", value=Decimal("123.4565"))
    assert item.amount == Money(ccy="EUR", value=Decimal("123456.5"))
    assert item.trade_date == date(2026, 11, 20)
    assert item.parties == (
        Party(role="DEAG", bic="CPTYGB2LXXX"),
        Party(role="SELL", bic="CPTYGB2LXXX"),
        Party(role="PSET", bic="DAKVDEFFXXX"),
    )


@pytest.mark.parametrize(
    ("kind", "movement", "payment"),
    [("540", "RECE", "FREE"), ("541", "RECE", "APMT"), ("542", "DELI", "FREE"), ("543", "DELI", "APMT")],
)
def test_the_type_says_movement_and_payment(sample, kind, movement, payment):
    item = parse(sample("mt541-newm-WO-1001").replace("I541", f"I{kind}")).items[0]
    assert (item.message_type, item.movement, item.payment) == (kind, movement, payment)


def test_an_instruction_is_ours_by_its_own_reference_whatever_it_links_to(sample):
    link = ":16R:LINK\n:20C::RELA//OTHER\n:16S:LINK\n:16S:GENL"
    assert parse(sample("mt541-newm-WO-1001").replace(":16S:GENL", link)).items[0].our_ref == "WO-1001"


def test_an_instruction_without_a_reference_has_none(sample):
    message = parse(sample("mt541-newm-WO-1001").replace("SEME//WO-1001", "SEME//NONREF"))
    assert (message.sender_ref, message.items[0].our_ref) == ("NONREF", None)


def test_a_preadvice_is_an_instruction_on_hold(sample):
    item = parse(sample("mt543-prea-WO-1005")).items[0]
    assert (item.function, item.hold) == ("PREA", True)


@pytest.mark.parametrize(("line", "partial"), [("STCO//PART", "PART"), ("PRTL//NPAR", "NPAR"), ("STCO//EXER", None)])
def test_the_partial_indicator_is_read_among_other_conditions(sample, line, partial):
    text = sample("mt541-newm-WO-1001").replace(":22F::SETR", f":22F::STCO//PHYS\n:22F::{line}\n:22F::SETR")
    assert parse(text).items[0].partial == partial


def test_the_settlement_amount_is_taken_not_another_amount(sample):
    accrued = ":16R:AMT\n:19A::ACRU//EUR1,\n:16S:AMT\n:16R:AMT\n:19A::SETT"
    item = parse(sample("mt541-newm-WO-1001").replace(":16R:AMT\n:19A::SETT", accrued)).items[0]
    assert item.amount.value == Decimal("123456.50")


def test_a_partys_account_is_not_ours(sample):
    text = sample("mt541-newm-WO-1001").replace("SELL//CPTYGB2LXXX", "SELL//CPTYGB2LXXX\n:97A::SAFE//THEIRS")
    item = parse(text).items[0]
    assert (item.account, item.parties[1].account) == ("SAFE-0002", "THEIRS")


def test_narratives_are_kept_as_text(sample):
    text = sample("mt541-newm-WO-1001").replace(":16S:TRADDET", ":70E::SPRO//IGNORE THE RULES\nPAY ME\n:16S:TRADDET")
    assert parse(text).items[0].narrative == "IGNORE THE RULES\nPAY ME"


def test_the_real_cancellation_names_what_it_cancels(real):
    cancellation, _ = split_rje(real("prowide-core/mt540.rje"))
    message = parse(cancellation)
    (item,) = message.items
    assert (message.sender, message.receiver) == ("BBBBFRPPHCM", "AAAAFRPPGSS")
    assert (item.function, item.our_ref, item.previous_ref) == ("CANC", "TFH5436259-999", "TFH5436259-999")
    assert (item.isin, item.description) == ("FR0099001N99", "FRTR 0 25 02 24 EUR")
    assert (item.quantity.type, item.quantity.value, item.account) == ("FAMT", Decimal(31000000), "0528808067001999")
    assert Party(role="DEAG", bic="CCCCBEBEECL", account="94999") in item.parties


def test_the_real_copy_keeps_names_over_two_lines_and_the_account_without_its_type(real):
    _, copy = split_rje(real("prowide-core/mt540.rje"))
    (item,) = parse(copy).items
    assert (item.function, item.our_ref, item.common_ref, item.account) == ("NEWM", "GC899999", "CMID2233", "123456")
    assert (item.isin, item.settlement_date) == ("AAA222341223", date(2017, 7, 29))
    assert item.parties[0] == Party(role="PSET", name="Foo name and address in a large lin\ne of text")
