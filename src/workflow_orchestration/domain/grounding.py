"""V10: what a text states as a fact must stand in the evidence that it cites.

Facts are numbers, amounts with their currency, dates, times and identifiers (whatever mixes letters and digits, and
BICs). Each is compared by value, in whatever notation it is written; words that state no fact are not judged. Where a
notation can be read in two ways, the text gets the way people read it and the evidence the way messages and the book
write it: a text that is right may be refused, one that is wrong may not pass.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Literal, NamedTuple

from stdnum import bic

from workflow_orchestration.domain import currencies, notations
from workflow_orchestration.domain.notations import COMPACT_DATE, DATE, NUMBER, NUMBER_WORDS, Reader

Kind = Literal["amount", "currency", "date", "identifier", "number"]


class Fact(NamedTuple):
    kind: Kind
    #: What it may mean, canonical: any of these in the evidence supports it. Empty: nothing but its own words does.
    values: frozenset[str]
    #: As written, in capitals.
    said: str


_DOLLARS = ("USD", "AUD", "CAD", "HKD", "NZD", "SGD")
#: Names and signs of currencies (lower case, a pattern) -> what they may mean.
_NAMES: dict[str, tuple[str, ...]] = {
    r"us\$": ("USD",), "€": ("EUR",), "£": ("GBP",), "¥": ("JPY", "CNY"), r"\$": _DOLLARS,
    r"\beuros?\b": ("EUR",), r"\b(?:us |u\.s\. )?dollars?\b": _DOLLARS, r"\b(?:swiss )?francs?\b": ("CHF",),
    r"\b(?:pounds?(?: sterling)?|sterling)\b": ("GBP",), r"\byens?\b": ("JPY",), r"\b(?:yuan|renminbi)\b": ("CNY",),
    r"\bkron[ae]r?\b": ("SEK", "NOK", "DKK"), r"\brand\b": ("ZAR",), r"\brupees?\b": ("INR",),
    r"\broubles?\b|\brubles?\b": ("RUB",), r"\bzlot(?:y|ys|ych)\b": ("PLN",),
}  # fmt: skip
_NAME = "|".join(_NAMES)
#: Codes that are ordinary words too: currencies only in capitals, and only beside a number.
_WORDS_TOO = frozenset({"ALL", "BAM", "COP", "CUP", "GEL", "MAD", "MOP", "PEN", "RON", "SOS", "TOP", "TRY"})
_CODE = "|".join(currencies.codes())
_CURRENCY = rf"(?:(?<![^\W_])(?:{_CODE})|{_NAME})"
#: Not inside a word, and not a part of a reference such as "WO-1001".
_START, _END = r"(?<![^\W_])(?<![^\W_][-_])", r"(?![^\W_])"


def unsupported(text: str, evidence: Iterable[str]) -> tuple[str, ...]:
    """The facts that `text` states and none of `evidence` does, as written and in order; empty: it is grounded."""
    held = [_known(piece) for piece in evidence]
    loose = [f for f in stated(text) if not any((f.kind, v) in known for known in held for v in (*f.values, f.said))]
    return tuple(dict.fromkeys(fact.said for fact in loose))


def stated(text: str, reader: Reader = "text") -> tuple[Fact, ...]:
    """Every fact of a text. A later pattern sees nothing of what an earlier one has taken."""
    left, found = _readable(text), []
    for pattern, read in _PATTERNS:
        taken = [(match, fact) for match in pattern.finditer(left) if (fact := read(match, reader)) is not None]
        found += [(match.start(), fact) for match, fact in taken]
        for match, _ in taken:
            left = f"{left[: match.start()]}{' ' * len(match[0])}{left[match.end() :]}"
    return tuple(fact for _, fact in sorted(found, key=lambda placed: placed[0]))


@lru_cache(maxsize=1024)
def _known(evidence: str) -> frozenset[tuple[str, str]]:
    """All that a piece of evidence supports: each fact by its values and by its own words, and the parts of each."""
    found: set[tuple[str, str]] = set()
    for fact in stated(evidence, "evidence"):
        found |= {(fact.kind, value) for value in (*fact.values, fact.said)}
        if fact.kind == "amount":  # its currency and its number may be told apart
            found |= {pair for v in fact.values for pair in (("currency", v[:3]), ("number", v[4:]))}
        if fact.kind == "date":  # a day may be told without its year
            found |= {("date", f"-{value[4:]}") for value in fact.values}
    return frozenset(found)


def _readable(text: str) -> str:
    """One way to write each sign: compatible forms, digits of every script, dashes; what nobody sees is gone."""
    composed = unicodedata.normalize("NFKC", text)
    return "".join(_plain(char) for char in composed if unicodedata.category(char) != "Cf")


def _plain(char: str) -> str:
    if char.isascii():
        return char
    match unicodedata.category(char):
        case "Nd":
            return str(unicodedata.digit(char))
        case "Pd":
            return "-"
        case "Zs":
            return " "
    return {"\u2019": "'", "\u066b": ".", "\u066c": ","}.get(char, char)


# -- one reader a kind of fact: None when the words state none after all --------------------------------------------


def _json_amount(match: re.Match[str], reader: Reader) -> Fact | None:
    return _amount((match["ccy"].upper(),), match["value"], reader, match[0])


def _money(match: re.Match[str], reader: Reader) -> Fact | None:
    ccy, value = match["ccy"], match["value"]
    codes = _codes(ccy)
    if ccy.upper() in _WORDS_TOO and not ccy.isupper():
        return None
    return _amount(codes, value, reader, match[0])


def _amount(codes: tuple[str, ...], value: str, reader: Reader, said: str) -> Fact:
    spelled = re.fullmatch(NUMBER_WORDS, value, re.IGNORECASE)
    known = {notations.canonical(notations.worded(value))} if spelled else notations.numbers(value, reader)
    return Fact("amount", frozenset(f"{code} {number}" for code in codes for number in known), said.upper())


def _codes(written: str) -> tuple[str, ...]:
    if currencies.minor_units(written.upper()) is not None:
        return (written.upper(),)
    return next(codes for name, codes in _NAMES.items() if re.fullmatch(name, written, re.IGNORECASE))


def _date(match: re.Match[str], reader: Reader) -> Fact | None:
    return Fact("date", notations.days(match[0]), match[0].upper())


def _compact_date(match: re.Match[str], reader: Reader) -> Fact | None:
    return _date(match, reader) if notations.days(match[0]) else None


def _verbatim(match: re.Match[str], reader: Reader) -> Fact | None:
    return Fact("identifier", frozenset({match[0].upper()}), match[0].upper())


def _number(match: re.Match[str], reader: Reader) -> Fact | None:
    return Fact("number", notations.numbers(match[0], reader), match[0].upper())


def _number_words(match: re.Match[str], reader: Reader) -> Fact | None:
    value = notations.worded(match[0])
    if value <= notations.ORDINARY:
        return None
    return Fact("number", frozenset({notations.canonical(value)}), match[0].upper())


def _identifier(match: re.Match[str], reader: Reader) -> Fact | None:
    said = match[0]
    names_bank = said.isupper() and len(said) in (8, 11) and bic.is_valid(said)
    return _verbatim(match, reader) if names_bank or any(char.isdigit() for char in said) else None


def _currency(match: re.Match[str], reader: Reader) -> Fact | None:
    said = match[0]
    if said.upper() in _WORDS_TOO or (len(said) == 3 and said.isalpha() and not said.isupper() and said != "yen"):
        return None
    return Fact("currency", frozenset(_codes(said)), said.upper())


def _numeric_sign(match: re.Match[str], reader: Reader) -> Fact | None:
    """A sign that is a number by itself (a Chinese, Roman or fraction sign): supported by its own words only."""
    char = match[0]
    return Fact("number", frozenset(), char) if unicodedata.numeric(char, None) is not None else None


_Read = Callable[[re.Match[str], Reader], Fact | None]
_VALUE = rf"(?P<value>{NUMBER}|{NUMBER_WORDS})"
_PATTERNS: tuple[tuple[re.Pattern[str], _Read], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), read)
    for pattern, read in (
        (r'"ccy":"(?P<ccy>[a-z]{3})","value":"(?P<value>[\d.]+)"', _json_amount),
        (rf"{_START}(?:{DATE}){_END}", _date),
        (rf"(?P<ccy>{_CURRENCY}) ?{_VALUE}{_END}", _money),
        (rf"{_START}{_VALUE} ?(?P<ccy>{_CURRENCY}){_END}", _money),
        (rf"{_START}{COMPACT_DATE}{_END}", _compact_date),
        (rf"{_START}\d{{1,2}}:\d\d(?::\d\d)?{_END}", _verbatim),
        (rf"{_START}(?:{NUMBER}){_END}(?![-_][^\W_])", _number),
        (r"[^\W_]+(?:[-_][^\W_]+)*", _identifier),
        (NUMBER_WORDS, _number_words),
        (_CURRENCY + _END, _currency),
        (r"[^\x00-\x7f]", _numeric_sign),
    )
)
