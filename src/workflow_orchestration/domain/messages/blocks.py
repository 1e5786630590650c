"""The envelope of a FIN message: text into blocks 1 to 5, and who sent which type to whom.

Every step looks at each character a bounded number of times, so hostile text costs no more than its length.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from workflow_orchestration.domain.errors import UnsupportedMessage
from workflow_orchestration.domain.messages.tree import damaged, quoted

#: Blocks in the only order they may come; S is the trailer that interfaces add.
_ORDER = "12345S"
#: 3 and 5 hold fields in braces of their own, no deeper.
_MAX_BRACES = 3

#: Logical terminal: BIC8, terminal letter, branch.
_TERMINAL = "([A-Z0-9]{8})[A-Z0-9]([A-Z0-9]{3})"
#: Session (digits by the standard; masked samples have letters) and sequence.
_NUMBERS = "[A-Z0-9]{4}[0-9]{6}"
_BLOCK_1 = re.compile(rf"F01{_TERMINAL}{_NUMBERS}")
#: Application F and service 01 make a FIN message; 21 acknowledges one, A and L log in.
_SERVICE = re.compile(r"\s*\{1:(?!F01)([A-Z][0-9]{2})")
#: As we send it: I, type, receiver, then priority, delivery monitoring and obsolescence.
_INPUT = re.compile(rf"I([0-9]{{3}}){_TERMINAL}(?:[SUN](?:[123](?:[0-9]{{3}})?)?)?")
#: As we get it: O, type, input time, the sender's date, terminal, session and sequence, output date and time.
_OUTPUT = re.compile(rf"O([0-9]{{3}})[0-9]{{10}}{_TERMINAL}{_NUMBERS}[0-9]{{10}}[SUN]?")

_SUSPECT = re.compile(r"[^\n -~]")
_SPACE = re.compile(r"[ \n]*")
#: `$` between two messages of an RJE file; never inside one, since what it stands between are braces.
_RJE = re.compile(r"(?<=\})[ \r\n]*\$[ \r\n]*(?=\{1:|\Z)")


@dataclass(frozen=True)
class Envelope:
    type: str
    sender: str
    receiver: str
    #: Lines of the whole text, without line ends.
    lines: tuple[str, ...]
    #: 1-based: the first line of block 4's text, and the line of its `-}`.
    first: int
    end: int


def split_rje(text: str) -> tuple[str, ...]:
    """The messages of an RJE file, each as it stands there."""
    return tuple(part for part in _RJE.split(text) if part.strip())


def open_envelope(text: str) -> Envelope:
    text = _clean(text)
    blocks = _blocks(text)
    home = _header(blocks, "1", _BLOCK_1, expected="F01, our own BIC and ten digits")
    outbound = blocks.get("2", (0, ""))[1].startswith("I")
    pattern, expected = (_INPUT, "I548, receiver and N") if outbound else (_OUTPUT, "O548, times, sender and N")
    kind, *other = _header(blocks, "2", pattern, expected=expected)
    sender, receiver = (home, other) if outbound else (other, home)
    if "4" not in blocks:
        raise damaged("block 4, the message text, is missing", line=text.count("\n") + 1)
    first, body = blocks["4"]
    return Envelope(
        type=kind,
        sender="".join(sender),
        receiver="".join(receiver),
        lines=tuple(text.split("\n")),
        first=first + 1,
        end=first + body.count("\n"),
    )


def _clean(text: str) -> str:
    """LF line ends, and only characters that text is made of (no NUL, control, direction or private ones)."""
    text = text.replace("\r\n", "\n")
    if not text.strip():
        raise damaged("the message is empty; expected {1:F01", line=1)
    _refuse_other_syntax(text)
    for found in _SUSPECT.finditer(text):
        kind = unicodedata.category(found[0])
        if kind.startswith("C") or kind in ("Zl", "Zp"):
            line = text.count("\n", 0, found.start()) + 1
            raise damaged(f"character U+{ord(found[0]):04X} is not text; expected printable text", line=line)
    return text


def _refuse_other_syntax(text: str) -> None:
    if text.lstrip().startswith("<"):
        raise UnsupportedMessage(
            "this is XML; ISO 20022 messages come in a later version",
            fix="Send the SWIFT MT (FIN) form of the message as text/plain.",
        )
    service = _SERVICE.match(text)
    if service:
        raise UnsupportedMessage(
            f"{service[1]} is a service message (an acknowledgement or a login), not a FIN message",
            fix="Send the FIN message itself, which starts with {1:F01.",
        )


def _blocks(text: str) -> dict[str, tuple[int, str]]:
    """Block name -> the line it starts on, and what is between its braces."""
    blocks: dict[str, tuple[int, str]] = {}
    at, line, allowed = 0, 1, _ORDER
    while True:
        start = _end_of_space(text, at)
        line += text.count("\n", at, start)
        if start == len(text):
            return blocks
        name = _block_name(text, start, line, allowed)
        end = _end_of_text(text, start, line) if name == "4" else _end_of_braces(text, start, line)
        blocks[name] = (line, text[start + 3 : end])
        allowed = allowed[allowed.index(name) + 1 :]
        line += text.count("\n", start, end)
        at = end + 1


def _end_of_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _block_name(text: str, start: int, line: int, allowed: str) -> str:
    if text[start] == "$":
        raise damaged("a second message follows `$`; send one message at a time", line=line)
    if text[start] != "{":
        raise damaged(f"{quoted(text[start : start + 20])} is outside the blocks; expected {{", line=line)
    opening = text[start : start + 3]
    name = opening[1:2]
    if not name or name not in _ORDER or not opening.endswith(":"):
        raise damaged(f"{quoted(opening)} starts no known block; expected {{1: to {{5:", line=line)
    if name not in allowed:
        raise damaged(f"block {name} is repeated or out of order; expected 1, 2, 3, 4, 5", line=line)
    return name


def _end_of_text(text: str, start: int, line: int) -> int:
    """Where the `}` of `-}` is, which alone on its line ends block 4."""
    if not text.startswith("\n", start + 3):
        raise damaged("block 4 must begin with a new line after {4:", line=line)
    end = text.find("\n-}", start)
    if end < 0:
        last = text.count("\n") + 1
        raise damaged("the message is truncated; expected -} at the end of block 4", line=last)
    brace = re.compile("[{}]").search(text, start + 1, end)
    if brace:
        raise damaged(
            "a brace inside block 4; expected -} before the next block",
            line=text.count("\n", 0, brace.start()) + 1,
        )
    return end + 2


def _end_of_braces(text: str, start: int, line: int) -> int:
    depth = 0
    for found in re.compile("[{}]").finditer(text, start):
        depth += 1 if found[0] == "{" else -1
        if depth == 0:
            return found.start()
        if depth > _MAX_BRACES:
            break
    raise damaged(f"block {text[start + 1]} is truncated or nested too deep; expected }}", line=line)


def _header(
    blocks: dict[str, tuple[int, str]], name: str, pattern: re.Pattern[str], *, expected: str
) -> tuple[str, ...]:
    if name not in blocks:
        raise damaged(f"block {name} is missing; expected {expected}", line=1)
    line, content = blocks[name]
    found = pattern.fullmatch(content)
    if found is None:
        raise damaged(f"block {name} is {quoted(content)}; expected {expected}", line=line)
    return found.groups()
