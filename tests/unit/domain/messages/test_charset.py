from __future__ import annotations

import pytest

from workflow_orchestration.domain.messages.charset import X, narrative_lines, to_x


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Plain (text), it's 5.00/day + 1?", "Plain (text), it's 5.00/day + 1?"),
        ("Müller & Söhne, Straße", "Muller + Sohne, Strasse"),
        ("€ 5 \u2013 10 %", "EUR 5 - 10  PCT"),
        ("a_b@c.de = #7", "a-b(at)c.de : No.7"),
        ("10²", "10?"),
        ("日本", "??"),
    ],
)
def test_text_outside_the_set_is_written_in_it_without_new_numbers(text, written):
    assert to_x(text) == written
    assert set(written) <= X


def test_words_are_wrapped_whole_and_long_ones_split():
    assert narrative_lines("one two three " + "x" * 12, width=10, most=9) == ("one two", "three", "xxxxxxxxx", "xxx")


def test_hyphens_in_references_and_dates_do_not_break_a_line():
    assert narrative_lines("on 2026-11-24 done", width=14, most=9) == ("on 2026-11-24", "done")
