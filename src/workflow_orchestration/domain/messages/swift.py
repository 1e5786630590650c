"""Reads any SWIFT MT (FIN) message of the 16R/16S kind: envelope, fields, sequences, each with its lines.

Written here because no maintained Python parser for MT54x exists. It knows tags and formats, not message
types: those are a file each beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from workflow_orchestration.domain.messages.blocks import Envelope, open_envelope, split_rje
from workflow_orchestration.domain.messages.tree import Field, Sequence, SwiftMessage, damaged, quoted
from workflow_orchestration.domain.messages.values import check

__all__ = ["Field", "Sequence", "SwiftMessage", "read", "read_envelope", "split_rje"]

#: The deepest real sequence (REAS in an MT537 penalty) is the 8th.
_MAX_DEPTH = 16
#: SWIFT's longest field format is 8000z.
_MAX_FIELD = 8000

_TAG = re.compile(r":([0-9]{2}[A-Z]?):(.*)")
_GENERIC = re.compile(r":([A-Z0-9]{4})/([A-Z0-9]{0,8})/(.*)", re.DOTALL)
_SEQUENCE_NAME = re.compile(r"[A-Z0-9]{1,16}")


def read(text: str) -> SwiftMessage:
    """One message; raises MessageUnreadable naming line and tag, or UnsupportedMessage for another syntax."""
    return read_envelope(open_envelope(text))


def read_envelope(envelope: Envelope) -> SwiftMessage:
    return SwiftMessage(
        type=envelope.type,
        sender=envelope.sender,
        receiver=envelope.receiver,
        root=_tree(_fields(envelope), envelope),
        lines=envelope.lines,
    )


def _fields(envelope: Envelope) -> Iterator[Field]:
    """Lines into fields: a line that starts with `:` begins one, any other continues it."""
    started: tuple[str, int, list[str]] | None = None
    for number in range(envelope.first, envelope.end):
        line = envelope.lines[number - 1].rstrip(" ")
        if not line.startswith(":"):
            if started is None:
                raise damaged(f"{quoted(line)} stands before the first tag; expected :16R:", line=number)
            started[2].append(line)
            continue
        found = _TAG.fullmatch(line)
        if found is None:
            tag = line[1:6].split(":")[0]
            raise damaged(f"{quoted(line)} is no tag; expected one like :20C:", line=number, tag=tag)
        if started:
            yield _field(*started)
        started = (found[1], number, [found[2]])
    if started is None:
        raise damaged("block 4 is empty; expected :16R:GENL", line=envelope.first)
    yield _field(*started)


def _field(tag: str, line: int, texts: list[str]) -> Field:
    value = "\n".join(texts)
    if not value:
        raise damaged("the tag has no value", line=line, tag=tag)
    if len(value) > _MAX_FIELD:
        raise damaged(f"the value is longer than {_MAX_FIELD} characters", line=line, tag=tag)
    last = line + len(texts) - 1
    if not value.startswith(":"):
        read = Field(tag, line, last, value, data=value)
    else:
        found = _GENERIC.fullmatch(value)
        if found is None:
            raise damaged(f"{quoted(value)} has no qualifier like :SEME//", line=line, tag=tag)
        read = Field(tag, line, last, value, qualifier=found[1], scheme=found[2], data=found[3])
    check(read)
    return read


@dataclass
class _Open:
    """A sequence whose :16S: has not come yet."""

    name: str
    line: int
    fields: list[Field] = field(default_factory=list)
    sequences: list[Sequence] = field(default_factory=list)

    def close(self, last_line: int) -> Sequence:
        return Sequence(self.name, self.line, last_line, tuple(self.fields), tuple(self.sequences))


def _tree(fields: Iterator[Field], envelope: Envelope) -> Sequence:
    stack = [_Open("", envelope.first)]
    for one in fields:
        if one.tag == "16R":
            _sequence_name(one)
            if len(stack) > _MAX_DEPTH:
                raise damaged(f"sequences nest deeper than {_MAX_DEPTH}", line=one.line, tag="16R")
            stack.append(_Open(one.value, one.line))
        elif one.tag == "16S":
            _close(stack, one)
        else:
            stack[-1].fields.append(one)
    if len(stack) > 1:
        left = stack[-1]
        raise damaged(f"16R:{left.name} has no end; expected :16S:{left.name}", line=left.line, tag="16R")
    return stack[0].close(envelope.end - 1)


def _close(stack: list[_Open], end: Field) -> None:
    name = _sequence_name(end)
    current = stack[-1]
    if len(stack) == 1:
        raise damaged(f"16S:{name} closes nothing; expected :16R:{name} before it", line=end.line, tag="16S")
    if current.name != name:
        raise damaged(
            f"16S:{name} crosses 16R:{current.name} of line {current.line}; expected :16S:{current.name}",
            line=end.line,
            tag="16S",
        )
    stack.pop()
    stack[-1].sequences.append(current.close(end.line))


def _sequence_name(mark: Field) -> str:
    if not _SEQUENCE_NAME.fullmatch(mark.value):
        raise mark.damaged("a sequence name like GENL")
    return mark.value
