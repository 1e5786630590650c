from __future__ import annotations

from decimal import Decimal

from workflow_orchestration.domain.messages import parse


def test_an_allegement_carries_the_counterpartys_terms(sample):
    (item,) = parse(sample("mt578-allegement-WO-1001")).items
    assert (item.kind, item.movement, item.payment) == ("allegement", "RECE", "APMT")
    assert item.amount.value == Decimal("123465.50")
    assert (item.isin, item.account) == ("DE0007164600", "SAFE-0002")


def test_an_allegements_own_reference_is_the_csds(sample):
    item = parse(sample("mt578-allegement-WO-1001")).items[0]
    assert (item.sender_ref, item.csd_ref, item.our_ref) == ("ALLG2611230201", "ALLG2611230201", "WO-1001")


def test_an_allegement_nobody_linked_has_the_csds_reference_only(sample):
    link = ":16R:LINK\n:20C::RELA//WO-1001\n:16S:LINK\n"
    item = parse(sample("mt578-allegement-WO-1001").replace(link, "")).items[0]
    assert (item.our_ref, item.reference) == (None, "ALLG2611230201")


def test_linked_references_of_the_csd_win_over_the_messages_own(sample):
    text = sample("mt578-allegement-WO-1001").replace("RELA//WO-1001", "MITI//M77")
    assert parse(text).items[0].csd_ref == "M77"
