"""What a text may say besides its plain words: letters of another script, signs for letters, an encoding.

Whoever hides an order to a model must write it so that a model still reads it; these are the ways that are common.
Each reading is only looked at, never used: a reading that makes no sense matches no pattern.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import contextlib
import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from urllib.parse import unquote

#: Letters of other scripts that look like Latin ones.
_LOOKALIKES = str.maketrans(
    "АВЕКМНОРСТХаеорсухіјѕԁЅІЈαεορτυνικΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "ABEKMHOPCTXaeopcyxijsdSIJaeoptuvikABEZHIKMNOPTYX",  # pragma: allowlist secret
)
#: Figures and signs that stand for letters.
_SIGNS = str.maketrans("013457@$!|", "oieastasil")
_SPACED = re.compile(r"(?<![^\W_])(?:[^\W_][ .\-_*]){4,}[^\W_](?![^\W_])")
_LONG_WORD = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}[ :]?){8,}")
_URL_SAFE = str.maketrans("-_", "+/")
_ESCAPES = re.compile(r"\\u([0-9A-Fa-f]{4})|\\x([0-9A-Fa-f]{2})")


@lru_cache(maxsize=2048)
def readings(text: str) -> tuple[str, ...]:
    """The text as it stands, and what it says if it is disguised; each once."""
    plain = _visible(text)
    found = [plain, *(reading for read in _READ for reading in read(plain))]
    return tuple(dict.fromkeys(reading for reading in found if reading))


def _visible(text: str) -> str:
    """Compatible forms made one, marks that only disturb left out, what is invisible gone."""
    composed = unicodedata.normalize("NFKC", text)
    return "".join(char for char in composed if unicodedata.category(char) not in ("Cf", "Co", "Cn"))


def _lookalikes(text: str) -> Iterator[str]:
    yield text.translate(_LOOKALIKES)


def _signs(text: str) -> Iterator[str]:
    yield text.translate(_SIGNS)


def _marks(text: str) -> Iterator[str]:
    decomposed = unicodedata.normalize("NFD", text)
    yield "".join(char for char in decomposed if not unicodedata.combining(char))


def _spaced_out(text: str) -> Iterator[str]:
    """ "i g n o r e  r u l e s": letters apart; wider gaps are the words'."""
    joined = _SPACED.sub(lambda found: re.sub(r"[ .\-_*]", "", found[0]), re.sub(r"(\w) {2,}(\w)", r"\1\n\2", text))
    yield joined


def _mirrored(text: str) -> Iterator[str]:
    yield text[::-1]


def _rotated(text: str) -> Iterator[str]:
    yield codecs.decode(text, "rot13")


def _escaped(text: str) -> Iterator[str]:
    yield html.unescape(text)
    yield unquote(text)
    yield unquote(text.replace("+", " "))
    yield _ESCAPES.sub(lambda found: chr(int(found[1] or found[2], 16)), text)


def _encoded(text: str) -> Iterator[str]:
    """Base64 and hexadecimal, also where the lines of a message break them."""
    for candidate in (text, re.sub(r"\s+", "", text)):
        for decode, words in ((_base64, _LONG_WORD), (_hex, _HEX)):
            yield from _decoded(decode, words.findall(candidate))


def _base64(word: str) -> bytes:
    bare = word.rstrip("=").translate(_URL_SAFE)
    return base64.b64decode(bare + "=" * (-len(bare) % 4))


def _hex(word: str) -> bytes:
    return bytes.fromhex(re.sub(r"[ :]", "", word))


def _decoded(decode: Callable[[str], bytes], words: Iterable[str]) -> Iterator[str]:
    for word in words:
        with contextlib.suppress(binascii.Error, ValueError):  # an ordinary long word
            yield decode(word).decode()


_READ: tuple[Callable[[str], Iterator[str]], ...] = (
    _lookalikes, _signs, _marks, _spaced_out, _mirrored, _rotated, _escaped, _encoded,
)  # fmt: skip
