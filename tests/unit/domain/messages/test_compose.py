from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow_orchestration.domain.book import Instruction
from workflow_orchestration.domain.errors import InvalidRequest
from workflow_orchestration.domain.messages import compose, parse, swift
from workflow_orchestration.domain.records import Money, Party, Quantity

WHEN = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
ENDS = {"sender": "WOTRDEFFXXX", "receiver": "CUSTDEFFXXX"}

ROW = Instruction(
    our_ref="WO-1002",
    message_type="543",
    account="SAFE-0002",
    isin="DE0007164600",
    quantity=Quantity(type="UNIT", value=Decimal(2000)),
    amount=Money(ccy="EUR", value=Decimal("255000.00")),
    trade_date=date(2026, 11, 20),
    settlement_date=date(2026, 11, 24),
    parties=(
        Party(role="REAG", bic="BRKRFRPPXXX", account="77"),
        Party(role="BUYR", name="BROKER B"),
        Party(role="PSET", bic="DAKVDEFFXXX"),
    ),
)


def new(row: Instruction, **rest) -> str:
    return compose.instruction(row, **ENDS, prepared=WHEN, **rest)


def changed(**fields) -> Instruction:
    return ROW.model_copy(update=fields)


def test_a_new_instruction_is_this_text_with_crlf_line_ends():
    lines = new(changed(parties=ROW.parties[2:])).split("\r\n")
    assert lines == [
        "{1:F01WOTRDEFFAXXX0000000000}{2:I543CUSTDEFFXXXXN}{4:",
        *(":16R:GENL", ":20C::SEME//WO-1002", ":23G:NEWM", ":98C::PREP//20261124093000", ":16S:GENL"),
        *(":16R:TRADDET", ":98A::SETT//20261124", ":98A::TRAD//20261120", ":35B:ISIN DE0007164600", ":16S:TRADDET"),
        *(":16R:FIAC", ":36B::SETT//UNIT/2000,", ":97A::SAFE//SAFE-0002", ":16S:FIAC"),
        *(":16R:SETDET", ":22F::SETR//TRAD", ":16R:SETPRTY", ":95P::PSET//DAKVDEFFXXX", ":16S:SETPRTY"),
        *(":16R:AMT", ":19A::SETT//EUR255000,00", ":16S:AMT", ":16S:SETDET"),
        "-}",
    ]


def test_a_cancellation_names_what_it_cancels_and_has_its_own_reference():
    message = parse(new(ROW, function="CANC", reference="WO-1002-C1"))
    (item,) = message.items
    assert (item.function, item.our_ref, item.previous_ref) == ("CANC", "WO-1002-C1", "WO-1002")
    assert (message.sender, message.receiver) == ("WOTRDEFFXXX", "CUSTDEFFXXX")


def test_a_cancellation_under_the_reference_it_cancels_is_refused():
    with pytest.raises(InvalidRequest, match="WO-1002 needs a reference of its own"):
        new(ROW, function="CANC")


def test_a_replacement_links_to_what_it_replaces():
    item = parse(new(changed(our_ref="WO-1002-R1"), previous="WO-1002")).items[0]
    assert (item.function, item.our_ref, item.previous_ref) == ("NEWM", "WO-1002-R1", "WO-1002")


def test_an_instruction_on_hold_is_sent_as_a_preadvice():
    assert parse(new(changed(hold=True))).items[0].hold is True


def test_a_free_delivery_carries_no_amount():
    text = new(changed(message_type="542", amount=None))
    assert ":19A:" not in text
    assert parse(text).items[0].payment == "FREE"


def test_a_party_known_by_its_bic_is_sent_without_the_name_on_file():
    named = Party(role="PSET", bic="DAKVDEFFXXX", name="THE DEPOSITORY")
    assert "DEPOSITORY" not in new(changed(parties=(named,)))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"account": "SAFE\n:19A::SETT//EUR1,"}, "cannot carry"),
        ({"account": "SAFÉ"}, "cannot carry"),
        ({"isin": "DE{4:"}, "cannot carry"),
        ({"account": "NONREF"}, "account: 'NONREF' would read as None"),
        ({"parties": (Party(role="BUYR", name="B\n:16S:SETPRTY\n:16R:SETPRTY\n:95P::X"),)}, "line"),
        ({"parties": (Party(role="BUYR", name="B\n:95P::PSET//EVILDEFFXXX"),)}, "parties"),
        ({"parties": (Party(role="BUYR"),)}, "parties"),
        ({"parties": (Party(role="BUYER", bic="BRKRFRPPXXX"),)}, "qualifier"),
        ({"quantity": Quantity(type="UNIT", value=Decimal(-5))}, "UNIT/1000,"),
        ({"amount": Money(ccy="EUR", value=Decimal("1234567890123456.00"))}, "15 digits"),
        ({"our_ref": "A-REFERENCE-TOO-LONG"}, "1 to 16 characters"),
    ],
)
def test_a_book_value_that_would_not_come_back_the_same_is_refused(fields, words):
    with pytest.raises(InvalidRequest) as refused:
        new(changed(**fields))
    assert words in refused.value.detail


def test_a_bic_of_another_length_is_refused():
    with pytest.raises(InvalidRequest, match="'CUST' has 4 characters"):
        compose.instruction(ROW, sender="WOTRDEFF", receiver="CUST", prepared=WHEN)


TEXT = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", min_size=1, max_size=16)
AMOUNTS = st.decimals(min_value=0, max_value=Decimal("999999999"), places=2)


@given(
    st.builds(
        Instruction,
        our_ref=TEXT,
        message_type=st.sampled_from(["540", "541", "542", "543"]),
        account=TEXT,
        isin=st.just("FR0000120271"),
        quantity=st.builds(Quantity, type=st.sampled_from(["UNIT", "FAMT", "AMOR"]), value=AMOUNTS),
        amount=st.none() | st.builds(Money, ccy=st.sampled_from(["EUR", "NOK", "USD"]), value=AMOUNTS),
        settlement_date=st.dates(min_value=date(2000, 1, 1), max_value=date(2099, 12, 31)),
        trade_date=st.none() | st.dates(min_value=date(2000, 1, 1), max_value=date(2099, 12, 31)),
        partial=st.sampled_from([None, "PART", "NPAR"]),
        hold=st.booleans(),
        common_ref=st.none() | TEXT,
        parties=st.lists(st.builds(Party, role=st.just("PSET"), bic=TEXT, account=st.none() | TEXT), max_size=3).map(
            tuple
        ),
    ).filter(lambda row: "NONREF" not in (row.our_ref, row.account, row.common_ref))
)
def test_any_book_row_that_can_be_written_reads_back_as_itself(row):
    item = parse(new(row)).items[0]
    assert (item.quantity, item.amount, item.account, item.parties) == (
        row.quantity,
        row.amount,
        row.account,
        row.parties,
    )
    assert (item.settlement_date, item.trade_date, item.hold) == (row.settlement_date, row.trade_date, row.hold)


def fields_of(text: str) -> dict[str, str]:
    return {field.name: field.data for part in swift.read(text).root.walk() for field in part.fields}


def modify(**rest) -> str:
    return compose.modification(
        **ENDS, reference="WO-1005-M1", our_ref="WO-1005", account="SAFE-0002", prepared=WHEN, **rest
    )


@pytest.mark.parametrize(
    ("asked", "field", "value"),
    [
        ({"hold": False}, "22F::SETT", "YSET"),
        ({"hold": True}, "22F::SETT", "NSET"),
        ({"partial": "PART"}, "22F::PRTL", "PART"),
        ({"priority": 2}, "22F::PRIR", "0002"),
    ],
)
def test_a_modification_asks_for_one_thing_on_one_instruction(asked, field, value):
    fields = fields_of(modify(**asked))
    assert [(name, said) for name, said in fields.items() if name.startswith("22F")] == [(field, value)]
    assert (fields["20C::PREV"], fields["97A::SAFE"], fields["20C::SEME"]) == ("WO-1005", "SAFE-0002", "WO-1005-M1")


def test_a_modification_is_an_mt530():
    assert swift.read(modify(hold=False)).type == "530"


def test_a_modification_of_nothing_is_refused():
    with pytest.raises(InvalidRequest, match="nothing is to be changed on WO-1005"):
        modify()


def test_a_modification_that_would_not_come_back_the_same_is_refused():
    with pytest.raises(InvalidRequest, match="four capitals"):
        modify(priority=12345)


def write(text: str, **rest) -> str:
    return compose.free_text(**ENDS, reference="WO-1001-Q1", related=rest.pop("related", "WO-1001"), text=text)


def test_free_text_is_an_mt599_with_reference_and_related_reference():
    message = swift.read(write("Please check the amount."))
    assert message.type == "599"
    assert [(field.tag, field.data) for field in message.root.fields] == [
        ("20", "WO-1001-Q1"),
        ("21", "WO-1001"),
        ("79", "Please check the amount."),
    ]


def test_free_text_without_a_related_reference_has_no_field_21():
    assert "21" not in fields_of(write("Hello", related=None))


def test_free_text_cannot_end_the_message_or_add_a_field():
    fields = fields_of(write("Hello\n-}{5:{CHK:0}}\n:20:OTHER\n-\n\nBye"))
    assert fields["20"] == "WO-1001-Q1"
    assert fields["79"] == "Hello\n -)(5:(CHK:0))\n :20:OTHER\n -\n.\nBye"


def test_free_text_longer_than_35_lines_is_refused_not_cut():
    with pytest.raises(InvalidRequest, match="needs 36 lines of 50 characters; 1 to 35 fit"):
        write("word\n" * 36)


@given(st.text(max_size=300))
def test_any_free_text_is_written_or_refused_by_name(text):
    try:
        lines = write(text).split("\r\n")
    except InvalidRequest:
        return
    assert all(0 < len(line.removeprefix(":79:")) <= 50 for line in lines[3:-1])
