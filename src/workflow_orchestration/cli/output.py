"""What people and machines read: rich tables or JSON on stdout, failures on stderr as what, cause, fix.

Texts of messages and people are data: control characters (a terminal obeys them) are shown, never sent, and rich's
markup is not read in them.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workflow_orchestration.cli.exits import Failure, Refused

if TYPE_CHECKING:  # rich is imported where it draws: `wo --json` and `wo token` never need it
    from rich.console import Console
    from rich.table import Table

Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on stdout.")]
#: Columns when nobody looks: wide enough that ids are never cut in a pipe.
_PIPE_WIDTH = 200
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def console() -> Console:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False, soft_wrap=False)


def safe(value: Any) -> str:
    """A value as text that no terminal obeys: control and direction characters become their escapes."""
    text = _text(value).replace("\r\n", "\n")
    return _CONTROL.sub(lambda m: f"\\x{ord(m[0]):02x}", text)


def _text(value: Any) -> str:
    match value:
        case None:
            return "-"
        case str():
            return value
        case list() if all(isinstance(part, str) for part in value):
            return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)


def unless_any(state: str) -> str | None:
    """A filter as typed; `any` filters nothing."""
    return None if state == "any" else state


def print_json(data: Any) -> None:
    print(json.dumps(data, indent=2, ensure_ascii=True))


def show(data: Any, as_json: bool, human: Callable[[Console, Any], None]) -> None:
    """Print data for a machine, or as `human` writes it."""
    if as_json:
        print_json(data)
    else:
        human(console(), data)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """A table whose first column (an id, a name) is never cut."""
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title, title_justify="left", header_style="bold")
    for n, column in enumerate(columns):
        made.add_column(column, no_wrap=n == 0, overflow="fold")
    for row in rows:
        made.add_row(*(Text(safe(cell)) for cell in row))
    return made


def listing(title: str, fields: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> Table:
    """A table of records: {column heading: field}."""
    return table(title, list(fields), [[row.get(name) for name in fields.values()] for row in rows])


def facts(out: Console, pairs: Mapping[str, Any]) -> None:
    """One line for each fact that there is."""
    from rich.text import Text

    width = max(map(len, pairs), default=0)
    for name, value in pairs.items():
        if value not in (None, "", [], {}):
            out.print(Text(f"{name:<{width}}  ", style="bold").append(Text(safe(value), style="not bold")))


def heading(out: Console, text: str) -> None:
    from rich.text import Text

    out.print(Text(safe(text), style="bold"))


def plain(out: Console, text: Any) -> None:
    """Data as it is: no markup is read in it."""
    from rich.text import Text

    out.print(Text(safe(text)))


def say(text: str) -> None:
    """A line for people that is no result: stderr, so that stdout stays the result."""
    print(safe(text), file=sys.stderr, flush=True)


def print_failure(failure: Failure) -> None:
    """What, cause, fix, and each further fact (row errors one a line), on stderr."""
    status = f" ({failure.status})" if isinstance(failure, Refused) else ""
    say(f"{failure.kind}{status}")
    say(f"  cause: {failure.cause}")
    for name, value in failure.facts.items():
        for line in _fact_lines(name, value):
            say(f"  {line}")
    say(f"  fix:   {failure.fix}")


def _fact_lines(name: str, value: Any) -> Iterable[str]:
    if name != "errors" or not isinstance(value, list):
        return [f"{name}: {safe(value)}"]
    return [_error_line(e) if isinstance(e, dict) else safe(e) for e in value]


def _error_line(error: Mapping[str, Any]) -> str:
    where = [f"row {error['row']}"] if "row" in error else []
    where += [str(error["field"])] if error.get("field") else []
    return ": ".join([*where, str(error.get("cause", error))])
