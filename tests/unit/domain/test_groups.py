"""Groups of exceptions: what belongs into one, and how it is chased."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fin import CANCELLED, MATCHED, mt548
from workflow_orchestration.domain import book, groups, messages
from workflow_orchestration.domain.groups import Due, Group, Line
from workflow_orchestration.domain.records import MessageItem, Money, Quantity

ACCOUNT = book.Account(
    account="SAFE-0001", desk="rates", contact="c", own_bic="WOTRDEFFXXX", custodian_bic="CUSTDEFFXXX", market="XETR"
)
CONTACT = book.Contact(contact="c", name="Custodian", channel="MT599", address="CUSTDEFFXXX")


def line(reference: str = "WO-1", **changes: object) -> Line:
    given = {
        "reference": reference, "account": "SAFE-0001", "isin": "DE0007164600", "settlement_date": date(2026, 11, 24),
        "quantity": Quantity(type="UNIT", value=Decimal(1000)), "amount": Money(ccy="EUR", value=Decimal("123456.50")),
    }  # fmt: skip
    return Line.model_validate({**given, **changes})


def group(*lines: Line, cause: str = "NO_STATUS") -> Group:
    return Group(sweep="s", account="SAFE-0001", cause=cause, lines=lines)


def said(**status: str) -> MessageItem:
    return messages.parse(mt548("WO-1", **status)).items[0]


@pytest.mark.parametrize(
    ("due", "on_the_eve", "on_the_day"),
    [
        (Due(line=line(), instructed=True), "NO_STATUS", "NO_STATUS"),
        (Due(line=line(), instructed=False), "UNINSTRUCTED", "UNINSTRUCTED"),
        (Due(line=line(), instructed=True, said=said(**MATCHED)), None, "NOT_SETTLED"),
        (Due(line=line(), instructed=True, said=said(**CANCELLED)), None, None),
        (
            Due(line=line(), instructed=True, said=said(status="MTCH//NMAT", reason="NMAT//CMIS")),
            "CPTY_ABSENT",
            "CPTY_ABSENT",
        ),
        (Due(line=line(), instructed=True, in_work=True), None, None),
        (Due(line=line(), instructed=False, in_work=True), None, None),
    ],
    ids=["no status", "uninstructed", "matched", "cancelled", "unmatched, its case ended", "in work", "trade in work"],
)
def test_why_a_settlement_belongs_into_a_group(due: Due, on_the_eve: str | None, on_the_day: str | None) -> None:
    assert groups.cause(due, on_the_day=False) == on_the_eve
    assert groups.cause(due, on_the_day=True) == on_the_day


def test_a_group_is_one_account_and_one_cause() -> None:
    dues = [
        Due(line=line("A"), instructed=True),
        Due(line=line("B", account="SAFE-0002"), instructed=True),
        Due(line=line("C"), instructed=False),
        Due(line=line("D"), instructed=True),
    ]
    found = groups.grouped(dues, on_the_day=False)
    assert {key: [x.reference for x in lines] for key, lines in found.items()} == {
        ("SAFE-0001", "NO_STATUS"): ["A", "D"],
        ("SAFE-0001", "UNINSTRUCTED"): ["C"],
        ("SAFE-0002", "NO_STATUS"): ["B"],
    }


def test_our_own_fault_a_missing_contact_and_a_flood_are_a_persons_task() -> None:
    assert groups.action(group(line(), cause="UNINSTRUCTED"), CONTACT)[0] == "TASK"
    assert groups.action(group(line()), None)[0] == "TASK"
    many = [line(f"WO-{n}") for n in range(groups.MOST_CHASED + 1)]
    assert groups.action(group(*many), CONTACT)[0] == "TASK"
    assert groups.action(group(*many[:-1]), CONTACT)[0] == "CHASE"


@settings(max_examples=40, deadline=None)
@given(st.integers(1, groups.MOST_CHASED), st.decimals("0.01", "999999999999", places=2))
def test_every_line_stands_in_exactly_one_message_that_swift_takes(count: int, value: Decimal) -> None:
    lines = [line(f"REF{n:09d}", amount=Money(ccy="EUR", value=value)) for n in range(count)]
    steps = groups.chasers(group(*lines), ACCOUNT, CONTACT, reference="G0123456789")
    texts = [step.payload for step in steps]
    assert all(sum(text.count(x.reference) for text in texts) == 1 for x in lines)
    assert len({step.name for step in steps}) == len(steps) <= 10
    for text in texts:
        reference = next(row for row in text.split("\r\n") if row.startswith(":20:"))[4:]
        assert len(reference) <= 16


def test_a_task_names_the_first_and_counts_the_rest_and_fits() -> None:
    text = groups.task_text(group(*(line(f"REF{n:013d}") for n in range(5000))), "why")
    assert "REF0000000000000" in text
    assert "4980 more" in text
    assert len(text) <= 1000
