"""Numbers and dates in the notations people and messages use, as canonical text."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Literal

#: The way people read a notation, or the way messages and the book write it: "1,000" is a thousand to people, and
#: one to SWIFT, whose comma is always the decimal one.
Reader = Literal["text", "evidence"]

_SCALES = {
    "k": 3, "thousand": 3, "m": 6, "mn": 6, "mio": 6, "million": 6, "millions": 6, "bn": 9, "billion": 9,
    "%": 0, "pct": 0, "bp": 0, "bps": 0, "st": 0, "nd": 0, "rd": 0, "th": 0, "x": 0,
}  # fmt: skip
_SCALE = "|".join(sorted(map(re.escape, _SCALES), key=len, reverse=True))
#: Digits with their separators, and what scales them ("1.2 million", "10m", "5 bp").
NUMBER = (
    rf"\d{{1,3}}(?:[ ']\d{{3}})+(?:[.,]\d+)?(?![\d'])(?: ?(?:{_SCALE})\b)?|\d+(?:[.,']\d+)*(?: ?(?:{_SCALE})(?!\w))?"
)

_MONTHS = {
    name: n
    for n, names in enumerate(
        ("jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august",
         "sep sept september", "oct october", "nov november", "dec december"), 1,
    )
    for name in names.split()
}  # fmt: skip
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_TH = r"(?:st|nd|rd|th)?"
#: A day, with or without its year, in figures or with the month's name.
DATE = (
    rf"\d{{4}}[-/.]\d\d[-/.]\d\d|\d{{1,2}}[-/.]\d{{1,2}}[-/.](?:\d{{4}}|\d\d)"
    rf"|\d{{1,2}}{_TH}\.?(?: of)?[ -](?:{_MONTH})\b\.?(?:,?[ -]\d{{4}})?"
    rf"|(?:{_MONTH})\b\.? \d{{1,2}}{_TH}(?:,? \d{{4}})?"
)
#: A day as messages write it: eight figures, which may be a number after all.
COMPACT_DATE = r"(?:19|20)\d{6}(?![.,]\d)"

_WORDS: dict[str, int] = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
    "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_BIG = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_NUMBER_WORD = "|".join(sorted((*_WORDS, *_BIG), key=len, reverse=True))
#: Numbers in English words. Small ones are ordinary language ("both sides agree on one thing").
NUMBER_WORDS = rf"\b(?:{_NUMBER_WORD})(?:(?: |-| and )(?:{_NUMBER_WORD}))*\b"
ORDINARY = 12


def canonical(value: Decimal) -> str:
    """Plain digits without trailing zeros, so that equal values are equal texts."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def numbers(said: str, reader: Reader) -> frozenset[str]:
    """The value of a `NUMBER`."""
    found = re.fullmatch(rf"(?P<digits>.*?\d)(?: ?(?P<scale>{_SCALE}))?", said.lower())
    assert found is not None, f"{said!r} is no number"
    scale = Decimal(10) ** _SCALES[found["scale"] or "%"]
    return frozenset({canonical(Decimal(_plain(found["digits"], reader)) * scale)})


def _plain(digits: str, reader: Reader) -> str:
    """Digits with a decimal point at most."""
    digits = re.sub(r"[ ']", "", digits)
    signs = re.findall(r"[.,]", digits)
    if len(set(signs)) == 2:  # the last one is the decimal sign, the other groups
        return digits.replace(signs[0], "").replace(signs[-1], ".") if signs[-1] != signs[0] else _ungrouped(digits)
    if len(signs) > 1:
        return _ungrouped(digits)
    groups = reader == "text" and re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", digits)
    return _ungrouped(digits) if groups else digits.replace(",", ".")


def _ungrouped(digits: str) -> str:
    return re.sub(r"[.,]", "", digits)


def days(said: str) -> frozenset[str]:
    """The days that a `DATE` may be: "2026-11-24", "--11-24" where no year is said; none where there is no such day."""
    figures = [int(n) for n in re.findall(r"\d+", said)]
    month = next((_MONTHS[word] for word in re.findall(r"[a-z]+", said.lower()) if word in _MONTHS), None)
    if month is not None:
        day, year = figures[0], figures[1] if len(figures) > 1 else None
        return _real([(year, month, day)])
    if len(figures) == 1:
        return _real([(figures[0] // 10_000, figures[0] // 100 % 100, figures[0] % 100)])
    if figures[0] > 31:
        return _real([(figures[0], figures[1], figures[2])])
    year = figures[2] + (2000 if figures[2] < 100 else 0)
    return _real([(year, figures[1], figures[0]), (year, figures[0], figures[1])])


def _real(readings: list[tuple[int | None, int, int]]) -> frozenset[str]:
    found = set()
    for year, month, day in readings:
        try:
            real = date(year or 2000, month, day)
        except ValueError:
            continue
        found.add(real.isoformat() if year is not None else f"--{real:%m-%d}")
    return frozenset(found)


def worded(said: str) -> Decimal:
    """The value of `NUMBER_WORDS`."""
    total = current = 0
    for word in re.findall(_NUMBER_WORD, said.lower()):
        if word in _WORDS:
            current += _WORDS[word]
        elif word == "hundred":
            current = max(1, current) * 100
        else:
            total, current = total + max(1, current) * _BIG[word], 0
    return Decimal(total + current)
