from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_orchestration.domain.errors import MessageUnreadable, UnsupportedMessage
from workflow_orchestration.domain.messages import parse, split_rje

HEAD = "{1:F01WOTRDEFFAXXX0001000001}{2:O5480915261123CUSTDEFFAXXX00010000012611230915N}{4:\n"
GENL = ":16R:GENL\n:20C::SEME//X1\n:23G:INST\n:16R:STAT\n:25D::MTCH//MACH\n:16S:STAT\n:16S:GENL\n"
OPEN = HEAD + GENL
GOOD = OPEN + "-}"

DAMAGED = [
    # text, line, tag, words
    ("", 1, None, "empty"),
    (" \r\n \n", 1, None, "empty"),
    ("8=FIX.4.4|35=AK", 1, None, "outside the blocks"),
    ('{"a": 1}', 1, None, "no known block"),
    ("{4:\n" + GENL + "-}", 1, None, "block 1 is missing"),
    ("{1:F01WOTRDEFFAXXX0001000001}{4:\n" + GENL + "-}", 1, None, "block 2 is missing"),
    ("{1:F01SHORT}{2:I548CUSTDEFFXXXXN}{4:\n-}", 1, None, "expected F01"),
    ("{1:F01WOTRDEFFAXXX0001000001}{2:I54CUSTDEFFXXXXN}{4:\n-}", 1, None, "expected I548"),
    ("{1:F01WOTRDEFFAXXX0001000001}{2:O548}{4:\n-}", 1, None, "expected O548"),
    ("{2:I548CUSTDEFFXXXXN}{1:F01WOTRDEFFAXXX0001000001}", 1, None, "out of order"),
    (GOOD + "\n{4:\n-}", 10, None, "repeated or out of order"),
    (GOOD + "\n{6:X}", 10, None, "no known block"),
    (GOOD + "{5:{CHK:", 9, None, "block 5 is truncated"),
    (GOOD + " tail", 9, None, "outside the blocks"),
    (HEAD.split("{4:")[0], 1, None, "block 4"),
    (HEAD.replace("\n", "") + GENL + "-}", 1, None, "new line after"),
    (HEAD + "-}", 2, None, "block 4 is empty"),
    (OPEN, 9, None, "truncated"),
    (OPEN + "{1:F01", 9, None, "truncated"),
    (OPEN + GOOD, 9, None, "brace inside block 4"),
    (HEAD + "loose text\n-}", 2, None, "before the first tag"),
    (HEAD + ":2X:ABC\n-}", 2, "2X", "no tag"),
    (HEAD + ":20C\n-}", 2, "20C", "no tag"),
    (HEAD + ":20C:\n-}", 2, "20C", "no value"),
    (HEAD + ":20C:SEME//X\n-}", 2, "20C", "qualifier"),
    (HEAD + ":20C::SE//X\n-}", 2, "20C", "qualifier"),
    (HEAD + ":20C::SEME//\n-}", 2, "20C", "a reference"),
    (HEAD + ":20C::SEME//12345678901234567\n-}", 2, "20C", "1 to 16 characters"),
    (HEAD + ":20C::SEME//ABC\nDEF\n-}", 2, "20C", "on one line"),
    (HEAD + ":16R:GENL\n:16R:LINK\n:16S:GENL\n:16S:LINK\n-}", 4, "16S", "crosses 16R:LINK of line 3"),
    (HEAD + ":16R:GENL\n:20C::SEME//X\n-}", 2, "16R", "expected :16S:GENL"),
    (HEAD + ":16S:GENL\n-}", 2, "16S", "closes nothing"),
    (HEAD + ":16R:genl\n-}", 2, "16R", "a sequence name"),
    (HEAD + ":16R:A\n" * 17 + "-}", 18, "16R", "deeper than 16"),
    (OPEN + ":19A::SETT//EUR1,2,3\n-}", 9, "19A", "EUR1234,5"),
    (OPEN + ":19A::SETT//EUR12\n-}", 9, "19A", "EUR1234,5"),
    (OPEN + ":19A::SETT//EUR1.5\n-}", 9, "19A", "EUR1234,5"),
    (OPEN + ":19A::SETT//EU1,\n-}", 9, "19A", "EUR1234,5"),
    (OPEN + ":19A::SETT//EUR1234567890123456,\n-}", 9, "19A", "15 digits"),
    (OPEN + ":19A::SETT//EUR\u0661,\n-}", 9, "19A", "EUR1234,5"),
    (OPEN + ":36B::SETT//UNIT/1000\n-}", 9, "36B", "UNIT/1000,"),
    (OPEN + ":36B::SETT//UNIT\n-}", 9, "36B", "UNIT/1000,"),
    (OPEN + ":90B::DEAL//ACTU/12,5\n-}", 9, "90B", "ACTU/EUR12,5"),
    (OPEN + ":90A::DEAL//PRCT/98\n-}", 9, "90A", "PRCT/98,5"),
    (OPEN + ":92A::GOMB//0.001\n-}", 9, "92A", "a rate"),
    (OPEN + ":98A::SETT//20231399\n-}", 9, "98A", "calendar date"),
    (OPEN + ":98A::SETT//20230229\n-}", 9, "98A", "calendar date"),
    (OPEN + ":98A::SETT//2023-01-01\n-}", 9, "98A", "YYYYMMDD"),
    (OPEN + ":98C::PREP//20230101256000\n-}", 9, "98C", "YYYYMMDDHHMMSS"),
    (OPEN + ":98E::PREP//20230101120000/5\n-}", 9, "98E", "YYYYMMDDHHMMSS"),
    (OPEN + ":69A::STAT//20230101/20231301\n-}", 9, "69A", "calendar date"),
    (OPEN + ":99A::DAAC//1234\n-}", 9, "99A", "three digits"),
    (OPEN + ":17B::ACTI//J\n-}", 9, "17B", "Y or N"),
    (OPEN + ":11A::PECU//Euro\n-}", 9, "11A", "currency code"),
    (OPEN + ":22F::SETR//TOOLONG\n-}", 9, "22F", "four capitals"),
    (OPEN + ":97B::SAFE//NOTYPE\n-}", 9, "97B", "account type"),
    (OPEN + ":35B:ISIN \n-}", 9, "35B", "1 to 12 characters"),
    (OPEN + ":35B:ISIN DE00071646001\n-}", 9, "35B", "1 to 12 characters"),
    (OPEN + ":70D::REAS//" + "A" * 501 + "\n-}", 9, "70D", "at most 500"),
    (OPEN + ":77E:" + "A" * 8001 + "\n-}", 9, "77E", "longer than 8000"),
    (HEAD + ":16R:OTHER\n:16S:OTHER\n-}", 2, "16R", "no sequence GENL"),
    (GOOD.replace(":20C::SEME//X1\n", ""), 2, "20C", "no :20C::SEME//"),
    (GOOD.replace(":23G:INST\n", ""), 2, "23G", "no :23G:"),
    (GOOD.replace(":23G:INST\n", ":23G:NEW\n"), 4, "23G", "NEWM/COPY"),
    (GOOD.replace(":25D::MTCH//MACH\n", ""), 5, "25D", "mandatory"),
    ("\ufeff" + GOOD, 1, None, "U+FEFF"),
    (GOOD.replace("X1", "X\x00"), 3, None, "U+0000"),
    (GOOD.replace("X1", "X\x1b[31m"), 3, None, "U+001B"),
    (GOOD.replace("X1", "X\u202e1"), 3, None, "U+202E"),
    (GOOD.replace("X1", "X\u2028"), 3, None, "U+2028"),
    (GOOD.replace("X1", "X\ud800"), 3, None, "U+D800"),
    (GOOD.replace("X1\n", "X1\r"), 3, None, "U+000D"),
]


@pytest.mark.parametrize(("text", "line", "tag", "words"), DAMAGED, ids=range(len(DAMAGED)))
def test_damage_is_refused_naming_line_tag_and_what_was_expected(text, line, tag, words):
    with pytest.raises(MessageUnreadable) as refused:
        parse(text)
    assert refused.value.extra == {"line": line, "tag": tag}
    assert words in refused.value.detail
    assert f"line {line}" in refused.value.detail


def test_the_undamaged_message_of_the_table_is_read():
    assert parse(GOOD).items[0].statuses[0].code == "MACH"


@pytest.mark.parametrize(
    "line",
    [
        ":35B:ISIN DE0000000000",
        ":35B:ISIN XX",
        ":19A::SETT//XQZ5,",
        ":95P::PSET//NOTABIC",
        ":22F::STCO/SMPG/WXYZ",
        ":98B::SETT//OPEN",
    ],
)
def test_wrong_check_digits_and_unknown_codes_are_not_damage(line):
    assert parse(OPEN + line + "\n-}").items


SAMPLE_NAMES = ["mt548-nmat-dmon-WO-1001", "mt537-pending-SAFE-0001", "mt578-allegement-WO-1001"]


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_a_message_cut_at_any_byte_is_refused_or_the_same(sample, name):
    text = sample(name) + "{5:{CHK:123456789ABC}}"
    whole = parse(text)
    outcomes = {"same": 0, "refused": 0}
    for end in range(len(text)):
        try:
            items = parse(text[:end]).items
        except MessageUnreadable:
            outcomes["refused"] += 1
        else:
            assert items == whole.items
            outcomes["same"] += 1
    assert outcomes["refused"] > len(text) - 30
    assert outcomes["same"] > 0


ALPHABET = st.sampled_from(
    [*"{}:$-/,N \n\r1", "\x00", ":16R:", ":16S:", "GENL", "STAT", ":20C::SEME//", ":23G:INST", ":25D::SETT//PENF",
     ":19A::SETT//EUR", "\n-}", "{5:{CHK:1}}", "é", "\u2028", "20231301"]
)  # fmt: skip


def outcome(text: str) -> str:
    """What reading it says; any error but the two named ones fails the test."""
    try:
        return parse(text).sender_ref
    except (MessageUnreadable, UnsupportedMessage) as refused:
        return refused.detail and refused.fix


@settings(max_examples=150, deadline=None)
@given(st.lists(ALPHABET, max_size=40).map("".join), st.sampled_from(["", HEAD, OPEN]))
def test_any_text_is_read_or_refused_by_name(text, before):
    for whole in (text, before + text, before + text + "\n-}", *split_rje(before + text)):
        assert outcome(whole)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_line_lost_doubled_or_moved_is_read_or_refused_by_name(sample, data):
    lines = sample(data.draw(st.sampled_from(SAMPLE_NAMES))).split("\n")
    at = data.draw(st.integers(0, len(lines) - 1))
    to = data.draw(st.integers(0, len(lines) - 1))
    changed = data.draw(
        st.sampled_from([[*lines[:at], *lines[at + 1 :]], [*lines[:at], lines[at], *lines[at:]], _moved(lines, at, to)])
    )
    assert outcome("\n".join(changed))


def _moved(lines: list[str], at: int, to: int) -> list[str]:
    rest = [*lines[:at], *lines[at + 1 :]]
    return [*rest[:to], lines[at], *rest[to:]]
