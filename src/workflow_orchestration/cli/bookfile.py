"""Files of the book: JSON ({"kind": [rows]}) or CSV (a kind a file), every row with the line it stands on.

Values stay text where JSON or CSV has a number with a point: amounts are decimals, never floats.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from workflow_orchestration.cli.exits import Code, Failure, WrongUsage
from workflow_orchestration.domain import book
from workflow_orchestration.domain.errors import InvalidRequest


@dataclass(frozen=True)
class FileRow:
    """One row as it stands in a file; `line` is its first line, 1-based."""

    line: int
    values: dict[str, Any]


@dataclass(frozen=True)
class Section:
    """All rows of one kind in one file."""

    file: Path
    kind: str
    rows: tuple[FileRow, ...]


def parse(file: Path, text: str, kind: str | None) -> list[Section]:
    """The sections of a file; `kind` for a CSV file that is not named by its kind, or a JSON list of rows."""
    try:
        if file.suffix == ".csv":
            return [Section(file, kind or file.stem, tuple(_csv_rows(text)))]
        return _json_sections(file, text, kind)
    except ValueError as error:
        raise _unreadable(file, str(error)) from None


def check(sections: list[Section]) -> None:
    """Judge every row by the book's own rules before any is sent; all faults at once, by file and line."""
    faults = [fault for section in sections for fault in _faults(section)]
    if faults:
        raise Failure(Code.REFUSED, InvalidRequest.__name__, f"{len(faults)} faults in the rows; nothing was loaded",
                      "Correct the lines named here and load again.", facts={"errors": faults})  # fmt: skip


def _faults(section: Section) -> Iterator[dict[str, Any]]:
    _, errors = book.parse_rows(section.kind, [row.values for row in section.rows])
    for error in errors:
        line = section.rows[error.row - 1].line
        yield {"field": f"{section.file}:{line} {error.field}".strip(), "cause": error.cause}


def _unreadable(file: Path, cause: str) -> Failure:
    return WrongUsage(f"{file}: {cause}", 'Write JSON {"kind": [rows]} or CSV with a header line; kinds: '
                      + ", ".join(sorted(book.KINDS)) + ".")  # fmt: skip


# -- JSON -----------------------------------------------------------------------------------------------------


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of the book")


_DECODER = json.JSONDecoder(parse_float=str, parse_constant=_no_constant)


class _Cursor:
    """Walks the outer two levels of a JSON text by hand, because the standard parser forgets lines."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1

    def peek(self) -> str:
        """The next character that is no space; lines are counted on the way."""
        start = self.at
        while self.at < len(self.text) and self.text[self.at] in " \t\r\n":
            self.at += 1
        self.line += self.text.count("\n", start, self.at)
        return self.text[self.at : self.at + 1]

    def take(self, *allowed: str) -> str:
        found = self.peek()
        if found not in allowed or not found:
            raise ValueError(f"line {self.line}: expected {' or '.join(allowed)}, found {found!r}")
        self.at += 1
        return found

    def value(self) -> Any:
        self.peek()
        try:
            value, end = _DECODER.raw_decode(self.text, self.at)
        except json.JSONDecodeError as error:
            raise ValueError(f"line {error.lineno}: {error.msg}") from None
        except ValueError as error:
            raise ValueError(f"line {self.line}: {error}") from None
        self.line += self.text.count("\n", self.at, end)
        self.at = end
        return value


def _json_sections(file: Path, text: str, kind: str | None) -> list[Section]:
    cursor = _Cursor(text)
    if kind is not None:
        sections = [Section(file, kind, tuple(_json_rows(cursor)))]
    else:
        sections = list(_named_sections(file, cursor))
    if cursor.peek():
        raise ValueError(f"line {cursor.line}: more follows after the end")
    return sections


def _named_sections(file: Path, cursor: _Cursor) -> Iterator[Section]:
    cursor.take("{")
    if cursor.peek() == "}":
        cursor.take("}")
        return
    while True:
        name = cursor.value()
        cursor.take(":")
        yield Section(file, str(name), tuple(_json_rows(cursor)))
        if cursor.take(",", "}") == "}":
            return


def _json_rows(cursor: _Cursor) -> Iterator[FileRow]:
    cursor.take("[")
    if cursor.peek() == "]":
        cursor.take("]")
        return
    while True:
        cursor.peek()
        line, row = cursor.line, cursor.value()
        if not isinstance(row, dict):
            raise ValueError(f"line {line}: a row is an object, not {str(row)[:40]!r}")
        yield FileRow(line, row)
        if cursor.take(",", "]") == "]":
            return


# -- CSV ------------------------------------------------------------------------------------------------------


def _csv_rows(text: str) -> Iterator[FileRow]:
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        _check_header(header)
        line = reader.line_num + 1
        for cells in reader:
            if cells:
                yield FileRow(line, _row(header, cells, line))
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from None


def _check_header(header: list[str]) -> None:
    if not any(header):
        raise ValueError("line 1: the header line is missing")
    twice = [name for name in header if header.count(name) > 1]
    if twice or "" in header:
        raise ValueError(f"line 1: column {twice[0] if twice else ''!r} is named {'twice' if twice else 'nothing'}")


def _row(header: list[str], cells: list[str], line: int) -> dict[str, Any]:
    """Empty cells are absent; `quantity.value` nests; numbers in a name (`parties.0.bic`) make a list."""
    if len(cells) != len(header):
        raise ValueError(f"line {line}: {len(cells)} cells, but the header has {len(header)} columns")
    nested: dict[str, Any] = {}
    for name, cell in zip(header, cells, strict=True):
        if cell != "":
            _nest(nested, name.split("."), cell, line)
    return {name: _lists(value) for name, value in nested.items()}


def _nest(into: dict[str, Any], path: list[str], cell: str, line: int) -> None:
    for part in path[:-1]:
        into = into.setdefault(part, {})
        if not isinstance(into, dict):
            raise ValueError(f"line {line}: column {'.'.join(path)} goes into {part}, which has a value of its own")
    if isinstance(into.get(path[-1]), dict):
        raise ValueError(f"line {line}: column {'.'.join(path)} has a value, and other columns go into it")
    into[path[-1]] = cell


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if all(name.isdigit() for name in value):
        return [_lists(value[name]) for name in sorted(value, key=int)]
    return {name: _lists(inner) for name, inner in value.items()}
