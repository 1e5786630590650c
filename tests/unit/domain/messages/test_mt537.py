from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from workflow_orchestration.domain.errors import MessageUnreadable
from workflow_orchestration.domain.messages import parse
from workflow_orchestration.domain.records import Money, Party

GENL = (":16R:GENL", ":20C::SEME//X1", ":23G:NEWM", ":97A::SAFE//SAFE-0001", ":16S:GENL")
TRANSDET = (":16R:TRANSDET", ":36B::PSTA//UNIT/5,", ":19A::PSTA//EUR10,", ":16S:TRANSDET")


def test_a_statement_by_status_has_an_item_a_transaction(sample):
    items = parse(sample("mt537-pending-SAFE-0001")).items
    assert [(item.n, item.our_ref, item.statuses[0].code, item.statuses[0].reasons[0].code) for item in items] == [
        (1, "WO-1003", "PEND", "LACK"),
        (2, "WO-1006", "PEND", "LACK"),
        (3, "WO-1004", "PENF", "CLAC"),
    ]
    assert items[0].amount == Money(ccy="EUR", value=Decimal(4925000))


def test_each_item_of_a_statement_shows_its_own_lines_only(sample):
    text = sample("mt537-pending-SAFE-0001")
    for item in parse(text).items:
        lines = item.source.excerpt.split("\n")
        assert (lines[0], lines[-1]) == (":16R:TRAN", ":16S:TRAN")
        assert lines == text.split("\n")[item.source.first_line - 1 : item.source.last_line]
        assert item.source.excerpt.count("RELA//") == 1


def test_the_statements_account_is_that_of_a_transaction_that_names_none(sample):
    assert {item.account for item in parse(sample("mt537-pending-SAFE-0001")).items} == {"SAFE-0001"}


def test_an_empty_statement_has_no_items(sample):
    message = parse(sample("mt537-nothing-pending-SAFE-0002"))
    assert (message.sender_ref, message.items) == ("STMT2611240402", ())


def test_a_statement_by_transaction_has_an_item_a_trans(fin):
    link = (":16R:LINK", ":20C::ACOW//WO-9", ":16S:LINK", ":16R:LINK", ":20C::PCTI//P1", ":16S:LINK")
    stat = (":16R:STAT", ":25D::SETT//PENF", ":16R:REAS", ":24B::PENF//LACK", ":16S:REAS", ":16S:STAT")
    (item,) = parse(fin(*GENL, ":16R:TRANS", *link, *TRANSDET, *stat, ":16S:TRANS", kind="537")).items
    assert (item.our_ref, item.csd_ref, item.statuses[0].reasons[0].code) == ("WO-9", "P1", "LACK")
    assert (item.amount, item.source.first_line) == (Money(ccy="EUR", value=Decimal(10)), 7)


def pendet(*inside: str) -> tuple[str, ...]:
    penalty = (":20C::PREF//P1", ":22H::PNTP//LMFP", *inside)
    return (":16R:PENA", ":16R:PENACUR", ":16R:PENACOUNT", ":16R:PENDET", *penalty,
            ":16S:PENDET", ":16S:PENACOUNT", ":16S:PENACUR", ":16S:PENA")  # fmt: skip


def reltran(reference: str) -> tuple[str, ...]:
    return (":16R:RELTRAN", f":20C::MITI//{reference}", ":16R:TRAN", ":22H::REDE//DELI", ":16S:TRAN", ":16S:RELTRAN")


def test_a_penalty_without_a_transaction_is_an_item_still(fin):
    (item,) = parse(fin(*GENL, *pendet(), kind="537")).items
    assert (item.reference, item.penalty.reference, item.penalty.type) == (None, "P1", "LMFP")


def test_transactions_under_one_penalty_keep_to_their_own_lines(fin):
    items = parse(fin(*GENL, *pendet(*reltran("A"), *reltran("B")), kind="537")).items
    assert [(item.csd_ref, item.penalty.reference) for item in items] == [("A", "P1"), ("B", "P1")]
    assert "MITI//B" not in items[0].source.excerpt


def test_a_penalty_of_several_days_is_for_its_last_day(fin):
    days = [line for day in ("20261123", "20261124")
            for line in (":16R:CALDET", f":98A::PEDA//{day}", ":16R:FIA", ":92A::ORDR//0,01", ":16S:FIA", ":16S:CALDET")]  # fmt: skip  # noqa: E501
    (item,) = parse(fin(*GENL, *pendet(*days), kind="537")).items
    assert (item.penalty.on, item.penalty.rate) == (date(2026, 11, 24), Decimal("0.01"))


def test_a_penalty_without_its_reference_is_refused(fin):
    text = fin(*GENL, *(line for line in pendet() if "PREF" not in line), kind="537")
    with pytest.raises(MessageUnreadable, match="line 10, tag 20C: PENDET has no :20C::PREF//"):
        parse(text)


def test_the_real_penalty_statement_has_four_failing_transactions(real):
    items = parse(real("prowide-core/mt537_csdr_penalties.rje")).items
    assert [item.csd_ref for item in items] == [
        "2111262161218562",
        "2111242159118671",
        "2111242159121848",
        "2111262161219993",
    ]
    assert {item.our_ref for item in items} == {None}
    assert [str(item.amount.value) for item in items] == ["1111111", "111111111.75", "11111111.15", "11111111.85"]
    for item in items:
        (held,) = item.statuses
        assert (held.qualifier, held.code, held.reasons[0].code) == ("SETT", "PENF", "CLAC")


def test_the_real_penalties_travel_with_their_transactions(real):
    items = parse(real("prowide-core/mt537_csdr_penalties.rje")).items
    assert [str(item.penalty.amount.value) for item in items] == ["1", "111.5", "111", "92.06"]
    first = items[0]
    assert (first.penalty.type, first.penalty.method, first.penalty.asset_class) == ("SEFP", "SECU", "SOVR")
    assert (first.penalty.rate, first.penalty.days, first.penalty.on) == (Decimal("0.001"), 1, date(2021, 11, 30))
    assert first.matched_at == datetime(2021, 11, 26, 18, 16, 52, tzinfo=UTC)
    assert (first.isin, first.account) == ("XX000000", "XXXXXXXXXXXXXX1000XX0")
    assert Party(role="REPA", bic="XXXXXXXXXXX") in first.parties


def test_the_real_penalties_show_their_own_lines(real):
    text = real("prowide-core/mt537_csdr_penalties.rje")
    lines = text.split("\n")
    for item in parse(text).items:
        assert lines[item.source.first_line - 1] == ":16R:PENDET"
        assert lines[item.source.last_line - 1] == ":16S:PENDET"
        assert item.penalty.reference in item.source.excerpt
