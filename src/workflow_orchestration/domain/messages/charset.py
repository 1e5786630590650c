"""SWIFT's character set X: what a FIN message may carry, and how other text is written in it."""

from __future__ import annotations

import unicodedata

from workflow_orchestration.domain.errors import InvalidRequest

#: Letters, digits and these; line ends come between lines.
X = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-?:().,'+ ")

#: Written out, where dropping an accent is not enough. No sign is invented: "=" becomes ":", not "-".
_WRITTEN = str.maketrans(
    {
        "ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L",
        "đ": "d", "Đ": "D", "€": "EUR", "£": "GBP", "&": "+", "@": "(at)", "%": " PCT", "_": "-", "=": ":",
        "#": "No.", "!": ".", ";": ",", "*": ".", "\\": "/", "|": "/", "\t": " ", "\u00a0": " ",
        "[": "(", "]": ")", "{": "(", "}": ")", "<": "(", ">": ")",
        '"': "'", "`": "'", "\u2018": "'", "\u2019": "'", "\u201c": "'", "\u201d": "'",
        "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-",
    }
)  # fmt: skip


def to_x(text: str) -> str:
    """One line of text in set X: accents dropped, a few signs written out, anything else a `?`.

    Canonical decomposition only: the compatible one would turn 10² into 102.
    """
    written = unicodedata.normalize("NFD", text.translate(_WRITTEN))
    plain = (char for char in written if not unicodedata.combining(char))
    return "".join(char if char in X else "?" for char in plain)


def narrative_lines(text: str, *, width: int, most: int) -> tuple[str, ...]:
    """Text in set X, wrapped at words; no line is empty or looks like a tag or the end of the message.

    Raises InvalidRequest when it needs more than `most` lines: a text people approved is never cut short.
    """
    lines = [line for paragraph in text.strip().splitlines() for line in _wrapped(to_x(paragraph), width)]
    if not lines or len(lines) > most:
        raise InvalidRequest(
            f"the text needs {len(lines)} lines of {width} characters; 1 to {most} fit",
            fix="Shorten the text.",
        )
    return tuple(lines)


def _wrapped(paragraph: str, width: int) -> list[str]:
    """By hand, since textwrap would break at hyphens, inside references and dates."""
    room = width - 1  # one is kept for the blank before a leading ":" or "-"
    words = [word[at : at + room] for word in paragraph.split() for at in range(0, len(word), room)]
    lines = [""]
    for word in words:
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        if len(joined) <= room:
            lines[-1] = joined
        else:
            lines.append(word)
    return [_harmless(line) for line in lines if line] or ["."]


def _harmless(line: str) -> str:
    return f" {line}" if line.startswith((":", "-")) else line
