"""What a FIN message is once read: fields with their lines, in the sequences that :16R: and :16S: make.

Nothing is dropped or repaired here: an unknown tag or qualifier is a field like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workflow_orchestration.domain.errors import MessageUnreadable


def damaged(problem: str, *, line: int, tag: str = "") -> MessageUnreadable:
    """The one form of a structural error: where, what, and (in `problem`) what was expected."""
    where = f"line {line}, tag {tag}" if tag else f"line {line}"
    return MessageUnreadable(f"{where}: {problem}", line=line, tag=tag or None)


def quoted(text: str) -> str:
    """A value as an error message may show it: one line, at most 40 characters of untrusted text."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


@dataclass(frozen=True)
class Field:
    #: Two digits and the option letter, if any: "20C", "16R", "79".
    tag: str
    #: 1-based lines of the whole text.
    line: int
    last_line: int
    #: All after `:20C:`; lines joined by "\n", trailing blanks cut.
    value: str
    #: Of a generic field `:qualifier/scheme/data`; None where the tag has no qualifier.
    qualifier: str | None = None
    #: Data source scheme: who defined the code; "" means ISO 15022.
    scheme: str = ""
    #: What follows qualifier and scheme; the whole value where there is no qualifier.
    data: str = ""

    @property
    def name(self) -> str:
        """As people write it: `19A::SETT`, or `35B`."""
        return f"{self.tag}::{self.qualifier}" if self.qualifier else self.tag

    def damaged(self, expected: str) -> MessageUnreadable:
        return damaged(f"{quoted(self.value)} is not {expected}", line=self.line, tag=self.tag)


@dataclass(frozen=True)
class Sequence:
    """One :16R:name ... :16S:name; the root has the name "" and holds the outermost ones."""

    name: str
    first_line: int
    last_line: int
    #: Fields directly in this sequence, in order; those of inner sequences are in `sequences`.
    fields: tuple[Field, ...]
    sequences: tuple[Sequence, ...]

    def select(self, tag: str, *qualifiers: str) -> Iterator[Field]:
        """Direct fields whose tag starts with `tag` ("98" means any option), with one of the qualifiers."""
        for field in self.fields:
            if field.tag.startswith(tag) and (not qualifiers or field.qualifier in qualifiers):
                yield field

    def first(self, tag: str, *qualifiers: str) -> Field | None:
        return next(self.select(tag, *qualifiers), None)

    def children(self, name: str) -> tuple[Sequence, ...]:
        return tuple(child for child in self.sequences if child.name == name)

    def walk(self) -> Iterator[Sequence]:
        """This sequence and all inside it, in order."""
        yield self
        for child in self.sequences:
            yield from child.walk()


@dataclass(frozen=True)
class SwiftMessage:
    #: Three digits: "548".
    type: str
    #: BIC of 11 characters: BIC8 and branch, without the terminal letter.
    sender: str
    receiver: str
    root: Sequence
    #: The lines of the whole text, without line ends: line n is lines[n - 1].
    lines: tuple[str, ...]

    def excerpt(self, first_line: int, last_line: int) -> str:
        return "\n".join(self.lines[first_line - 1 : last_line])
