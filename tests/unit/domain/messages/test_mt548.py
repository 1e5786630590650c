from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from workflow_orchestration.domain.messages import parse
from workflow_orchestration.domain.records import Money, Party, Quantity, Reason


def test_an_unmatched_status_names_our_instruction_and_its_terms(sample):
    (item,) = parse(sample("mt548-nmat-dmon-WO-1001")).items
    assert (item.kind, item.our_ref, item.csd_ref, item.function) == (
        "status",
        "WO-1001",
        "CSD261120001001",
        "INST",
    )
    assert item.amount == Money(ccy="EUR", value=Decimal("123456.50"))
    assert item.quantity == Quantity(type="UNIT", value=Decimal(1000))
    assert (item.account, item.isin, item.settlement_date) == ("SAFE-0002", "DE0007164600", date(2026, 11, 24))
    assert (item.movement, item.payment, item.transaction_type) == ("RECE", "APMT", "TRAD")
    assert Party(role="PSET", bic="DAKVDEFFXXX") in item.parties


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("mt548-nmat-dmon-WO-1002", "MTCH/NMAT", "NMAT/DMON"),
        ("mt548-pend-lack-WO-1003", "SETT/PEND", "PEND/LACK"),
        ("mt548-pend-prea-WO-1005", "SETT/PEND", "PEND/PREA"),
        ("mt548-penf-clac-WO-1004", "SETT/PENF", "PENF/CLAC"),
        ("mt548-cand-WO-1002", "IPRC/CAND", "CAND/CANI"),
        ("mt548-mach-WO-1001", "MTCH/MACH", None),
    ],
)
def test_status_and_reason_are_read_with_their_qualifiers(sample, name, status, reason):
    (held,) = parse(sample(name)).items[0].statuses
    assert f"{held.qualifier}/{held.code}" == status
    assert [f"{r.qualifier}/{r.code}" for r in held.reasons] == ([reason] if reason else [])


def test_several_statuses_and_reasons_keep_their_order_and_narratives(fin):
    text = fin(
        *(":16R:GENL", ":20C::SEME//X1", ":23G:INST"),
        *(":16R:STAT", ":25D::MTCH//MACH", ":16S:STAT"),
        *(":16R:STAT", ":25D::SETT//PEND", ":16R:REAS", ":24B::PEND//LACK", ":70D::REAS//NO", "STOCK", ":16S:REAS"),
        *(":16R:REAS", ":24B::PEND//MONY", ":16S:REAS", ":16S:STAT", ":16S:GENL"),
    )
    first, second = parse(text).items[0].statuses
    assert first.reasons == ()
    assert second.reasons == (
        Reason(qualifier="PEND", code="LACK", narrative="NO\nSTOCK"),
        Reason(qualifier="PEND", code="MONY"),
    )


def test_a_status_without_settran_has_statuses_only(fin):
    (item,) = parse(
        fin(
            *(":16R:GENL", ":20C::SEME//X1", ":23G:INST"),
            *(":16R:LINK", ":20C::RELA//WO-1", ":16S:LINK", ":16R:LINK", ":20C::COMM//C1", ":16S:LINK"),
            *(":16R:STAT", ":25D::IPRC//PACK", ":16S:STAT", ":16S:GENL"),
        )
    ).items
    assert (item.our_ref, item.common_ref, item.amount, item.isin) == ("WO-1", "C1", None, None)


def test_nonref_means_no_reference(sample):
    text = sample("mt548-mach-WO-1001").replace("RELA//WO-1001", "RELA//NONREF")
    item = parse(text).items[0]
    assert item.our_ref is None
    assert item.reference == "CSD261120001001"


def test_the_source_is_the_messages_own_lines(sample):
    text = sample("mt548-mach-WO-1001")
    source = parse(text).items[0].source
    assert source.excerpt.split("\n") == text.split("\n")[source.first_line - 1 : source.last_line]
    assert (source.first_line, source.excerpt.split("\n")[-1]) == (2, ":16S:SETTRAN")


def test_more_reasons_than_any_status_has_are_refused(fin):
    reasons = [":16R:REAS", ":24B::PEND//LACK", ":16S:REAS"] * 17
    text = fin(
        *(":16R:GENL", ":20C::SEME//X1", ":23G:INST", ":16R:STAT", ":25D::SETT//PEND", *reasons),
        *(":16S:STAT", ":16S:GENL"),
    )
    with pytest.raises(Exception, match="line 5, tag 16R: a status has more than 16 reasons"):
        parse(text)


def test_the_real_mt548_is_a_cancellation_with_the_isin_as_it_came(real):
    message = parse(real("prowide-core-examples/mt548.fin"))
    (item,) = message.items
    assert (message.sender, message.receiver) == ("AAAAUS33XXX", "BBBBGB2LGST")
    assert (item.our_ref, item.isin, item.description) == ("FRTJ123DEL2", "A1234567890", "Descripcion")
    assert [(held.qualifier, held.code) for held in item.statuses] == [("IPRC", "CAND")]
    assert (item.movement, item.payment, item.transaction_type, item.partial) == ("RECE", "FREE", "REPU", None)
