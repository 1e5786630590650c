"""V10: whatever a text states must stand in the evidence, in any notation; whatever it changes is seen."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_orchestration.domain.grounding import stated, unsupported

MESSAGE = """MT548 T000001 lines 1-20
:20C::RELA//WO-1001
:35B:ISIN DE0007164600
:36B::SETT//UNIT/1000,
:19A::SETT//EUR123456,50
:90B::DEAL//ACTU/EUR101,375
:97A::SAFE//SAFE-0002
:98A::SETT//20261124
:25D::MTCH//NMAT"""
TRADE = 'book trade T-9 {"amount":{"ccy":"EUR","value":"123465.50"},"counterparty_bic":"DEUTDEFF","at":"16:00"}'
EVIDENCE = (MESSAGE, TRADE)


@pytest.mark.parametrize("text", [
    "Our amount EUR 123,456.50 of WO-1001 is not theirs", "123.456,50 euros", "€123 456.50", "123'456.50 EUR",
    "eur 123456.5", "123.4565k euros", "EUR123456,50", "the booked trade has 123465.50 EUR",
    "settles on 24 November 2026", "24/11/2026", "11/24/2026", "Nov 24", "24th of November", "20261124",
    "1000 units of DE0007164600 at 101.375", "with DEUTDEFF before 16:00", "account SAFE-0002, SAFE-0002's custodian",
    "amounts in EUR", "in euros", "one side and two sides agree; both are unmatched (NMAT)", "",
    "\uff25\uff35\uff32 \uff11\uff12\uff13\uff14\uff15\uff16.\uff15\uff10",  # full-width
    "WO-1001\u200b", "WO\u20111001",
])  # fmt: skip
def test_what_the_evidence_says_is_grounded_in_any_notation(text: str) -> None:
    assert unsupported(text, EVIDENCE) == ()


@pytest.mark.parametrize(("text", "said"), [
    ("EUR 123456.05", "EUR 123456.05"), ("USD 123456.50", "USD 123456.50"), ("123456,50 dollars", "123456,50 DOLLARS"),
    ("EUR 1000", "EUR 1000"), ("about 5m", "5M"), ("1,000,000 units", "1,000,000"), ("101375 per unit", "101375"),
    ("one hundred thousand euros", "ONE HUNDRED THOUSAND EUROS"), ("twelve euros", "TWELVE EUROS"),
    ("thirteen days", "THIRTEEN"), ("3 days", "3"), ("25 November 2026", "25 NOVEMBER 2026"),
    ("2026-11-23", "2026-11-23"), ("2026-13-45", "2026-13-45"), ("before 17:00", "17:00"), ("paid in USD", "USD"),
    ("paid in dollars", "DOLLARS"), ("WO-1002", "WO-1002"), ("WO-1001-R1", "WO-1001-R1"), ("1001", "1001"),
    ("DE0007164601", "DE0007164601"), ("GB29NWBK60161331926819", "GB29NWBK60161331926819"),
    ("with COMMDEFF", "COMMDEFF"), ("DE89 3704 0044", "3704"), ("\u0663\u0664\u0665 units", "345"),
    ("\u4e00\u767e units", "\u767e"), ("7 1/2", "1"), ("Kraken9", "KRAKEN9"), ("SAFE\u200b-0003", "SAFE-0003"),
    ("\u0410BC1", "\u0410BC1"),
])  # fmt: skip
def test_what_the_evidence_does_not_say_is_named(text: str, said: str) -> None:
    assert said in unsupported(text, EVIDENCE)


def test_a_text_is_read_as_people_read_it_and_evidence_as_messages_write_it() -> None:
    """SWIFT's comma is the decimal one; to people "101,375" is a hundred thousand."""
    assert unsupported("101375 units", ["price 101,375"])
    assert not unsupported("101.375", ["price 101,375"])
    assert not unsupported("101,375", ["price 101,375"])


def test_only_the_evidence_that_is_cited_counts() -> None:
    assert unsupported("DEUTDEFF", [MESSAGE])
    assert not unsupported("DEUTDEFF", [MESSAGE, TRADE])


amounts = st.decimals(min_value=1, max_value=Decimal("999999999.99"), places=2)
NOTATIONS = (
    lambda v: f"EUR {v:,.2f}",
    lambda v: f"{v:,.2f} EUR".replace(",", " "),
    lambda v: f"€{v:,.2f}".translate(str.maketrans(",.", ".,")),
    lambda v: f"{v:.2f} euros",
    lambda v: f"{v:,.2f} Euro".replace(",", "'"),
)


@settings(deadline=None)
@given(amounts, st.sampled_from(NOTATIONS), st.sampled_from(NOTATIONS))
def test_an_amount_is_the_same_in_every_notation_and_no_other_amount_is(value, told, other) -> None:
    evidence = [f":19A::SETT//EUR{value:.2f}".replace(".", ",")]
    assert unsupported(told(value), evidence) == ()
    assert unsupported(other(value + Decimal("0.01")), evidence)


@settings(deadline=None)
@given(st.dates(min_value=date(1990, 1, 1), max_value=date(2089, 12, 31)), st.integers(1, 400))
def test_a_day_is_the_same_in_every_notation_and_no_other_day_is(day, later) -> None:
    evidence = [f":98A::SETT//{day:%Y%m%d}"]
    for told in (f"{day:%Y-%m-%d}", f"{day:%d %B %Y}", f"{day:%B} {day.day}, {day:%Y}", f"{day:%d.%m.%Y}"):
        assert unsupported(told, evidence) == ()
    other = date.fromordinal(day.toordinal() + later)
    assert unsupported(f"{other:%d %B %Y}", evidence)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_a_text_is_its_own_evidence(text: str) -> None:
    assert unsupported(text, [text]) == ()


@settings(deadline=None)
@given(st.text(max_size=120), st.text(max_size=120), st.text(max_size=120))
def test_more_evidence_never_makes_a_text_less_grounded(text: str, one: str, two: str) -> None:
    assert set(unsupported(text, [one, two])) <= set(unsupported(text, [one]))


@settings(deadline=None)
@given(st.from_regex(r"[A-Z]{1,4}-?[0-9]{2,8}", fullmatch=True))
def test_a_reference_is_a_fact(reference: str) -> None:
    assert unsupported(f"see {reference} there", []) != ()


@settings(deadline=None)
@given(st.text(alphabet="abcdfghjklmnpqrsuvwxyz,.;:!?-' \n", max_size=200))  # no number word is without e, i, o
def test_words_without_a_figure_state_nothing(text: str) -> None:
    assert [f for f in stated(text) if f.kind != "currency"] == []
