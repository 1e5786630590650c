from __future__ import annotations

import time

import pytest

from workflow_orchestration.domain.errors import MessageUnreadable, UnsupportedMessage
from workflow_orchestration.domain.messages import parse, split_rje, supported, swift

GENL = (":16R:GENL", ":20C::SEME//X1", ":23G:INST", ":16S:GENL")


def test_output_message_names_the_sender_of_block_2_and_the_receiver_of_block_1(fin):
    message = swift.read(fin(*GENL))
    assert (message.type, message.sender, message.receiver) == ("548", "CUSTDEFFXXX", "WOTRDEFFXXX")


def test_input_message_names_the_sender_of_block_1_and_the_receiver_of_block_2():
    text = "{1:F01WOTRDEFFAXXX0000000000}{2:I599CUSTDEFFXABCN}{4:\n:20:X1\n:79:HELLO\n-}"
    message = swift.read(text)
    assert (message.sender, message.receiver) == ("WOTRDEFFXXX", "CUSTDEFFABC")


def test_fields_know_their_tag_qualifier_scheme_value_and_line(fin):
    message = swift.read(fin(":16R:A", ":22F::BDEV/T2S/IDVP", ":16S:A"))
    (field,) = message.root.sequences[0].fields
    assert (field.tag, field.qualifier, field.scheme, field.data, field.line) == ("22F", "BDEV", "T2S", "IDVP", 3)


def test_a_field_goes_on_until_the_next_tag(fin):
    (field,) = swift.read(fin(":70E::SPRO//ONE", "TWO", "", "FOUR  ")).root.fields
    assert (field.data, field.line, field.last_line) == ("ONE\nTWO\n\nFOUR", 2, 5)


def test_sequences_nest_and_know_their_lines(fin):
    root = swift.read(fin(":16R:A", ":16R:B", ":17B::ACTI//Y", ":16S:B", ":16S:A", ":16R:C", ":16S:C")).root
    assert [(part.name, part.first_line, part.last_line) for part in root.walk()] == [
        ("", 2, 8),
        ("A", 2, 6),
        ("B", 3, 5),
        ("C", 7, 8),
    ]


def test_unknown_tags_and_qualifiers_are_kept(fin):
    message = swift.read(fin(":16R:ODD", ":22F::ZZZZ//ABCD", ":88Z::QQQQ//anything at all", ":16S:ODD"))
    assert [field.value for field in message.root.sequences[0].fields] == [
        ":ZZZZ//ABCD",
        ":QQQQ//anything at all",
    ]


def test_crlf_and_lf_read_the_same(sample):
    text = sample("mt548-nmat-dmon-WO-1001")
    assert parse(text.replace("\n", "\r\n")) == parse(text)


def test_header_and_trailer_blocks_are_allowed(fin):
    text = fin(*GENL).replace("}{4:", "}{3:{108:MUR1}}{4:") + "{5:{MAC:00000000}{CHK:123456789ABC}}{S:{REF:A}}\n"
    assert swift.read(text).root.sequences[0].name == "GENL"


def test_an_rje_file_splits_into_its_messages(fin):
    one, two = fin(*GENL), fin(*GENL, kind="537") + "{5:{CHK:123456789ABC}}"
    assert split_rje(f"{one}\r\n$\r\n{two}$\n") == (one, two)


def test_a_dollar_inside_a_message_does_not_split_it(fin):
    text = fin(":70E::SPRO//USD $ 5", "$", "END")
    assert split_rje(text) == (text,)


def test_two_messages_at_once_are_refused(fin):
    with pytest.raises(MessageUnreadable, match="one message at a time") as refused:
        parse(f"{fin(*GENL)}\n$\n{fin(*GENL)}")
    assert refused.value.extra["line"] == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('<?xml version="1.0"?><Document/>', "XML"),
        ("{1:F01WOTRDEFFAXXX0000000000}{2:I950CUSTDEFFXXXXN}{4:\n:61:x\n-}", "MT950 is not supported"),
        ("{1:F21WOTRDEFFAXXX0000000000}{4:{177:2611230915}{451:0}}", "service message"),
    ],
)
def test_other_kinds_of_message_are_unsupported_and_the_fix_says_what_is(text, words):
    with pytest.raises(UnsupportedMessage, match=words) as refused:
        parse(text)
    assert "MT" in refused.value.fix or "F01" in refused.value.fix


def test_supported_types_are_those_of_settlement():
    assert {"537", "540", "541", "542", "543", "544", "545", "546", "547", "548", "578"} <= set(supported())


@pytest.mark.parametrize(
    "hostile",
    [
        "{" * 300_000,
        "{1:" * 100_000,
        "}" + " \n" * 300_000,
        "{1:F01WOTRDEFFAXXX0000000000}{2:I548CUSTDEFFXXXXN}{4:\n" + ":16R:A\n" * 100_000 + "-}",
        "{1:F01WOTRDEFFAXXX0000000000}{2:I548CUSTDEFFXXXXN}{4:\n:19A::SETT//EUR" + "1" * 300_000 + "\n-}",
        "{1:F01WOTRDEFFAXXX0000000000}{2:I548CUSTDEFFXXXXN}{4:\n:70E::SPRO//A\n" + "\n" * 300_000 + "-}",
    ],
    ids=["braces", "blocks", "blanks", "depth", "digits", "lines"],
)
def test_hostile_text_is_refused_in_time_linear_in_its_length(hostile):
    begun = time.perf_counter()
    split_rje(hostile)
    with pytest.raises(MessageUnreadable):
        parse(hostile)
    assert time.perf_counter() - begun < 2
