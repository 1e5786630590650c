"""`wo book`: reference data in, and what the platform knows now."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workflow_orchestration.cli.examples import example
from workflow_orchestration.cli.exits import Refused
from workflow_orchestration.cli.output import Json, facts, show, table
from workflow_orchestration.cli.session import Session, at, session

if TYPE_CHECKING:
    from rich.console import Console

    from workflow_orchestration.cli.bookfile import FileRow, Section

group = typer.Typer(help="The book: accounts, trades, instructions, SSIs, positions ...", no_args_is_help=True,
                    epilog=example("wo book load sample/book.json"))  # fmt: skip
#: One request's share: well under MESSAGE_MAX_BYTES (1 MiB by default), and short for the database.
_BATCH_BYTES = 200_000
_BATCH_ROWS = 500


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="book")


@group.command(
    epilog=example(
        "wo book load book.json", "wo book load trade.csv instruction.csv", "wo book load mine.csv --kind ssi"
    )
)
def load(
    ctx: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, help="JSON by kind, or CSV named KIND.csv.")
    ],
    kind: Annotated[str | None, typer.Option(help="The kind of every row, if the file does not say.")] = None,
    as_json: Json = False,
) -> None:
    """Load rows as new versions; all are checked first, and faults are named by file and line.

    CSV: a header of field names; dots nest (quantity.value), numbers make lists (parties.0.bic); empty is absent.
    """
    from workflow_orchestration.cli import bookfile

    texts = [(file, file.read_text(encoding="utf-8-sig")) for file in files]
    sections = [section for file, text in texts for section in bookfile.parse(file, text, kind)]
    bookfile.check(sections)
    counts = _send(session(ctx), sections)
    show(counts, as_json, _print_counts)


def _send(acting: Session, sections: list[Section]) -> dict[str, dict[str, int]]:
    from rich.console import Console
    from rich.progress import Progress

    counts: dict[str, dict[str, int]] = {}
    total = sum(len(section.rows) for section in sections)
    with Progress(console=Console(file=sys.stderr), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("loading", total=total)
        for section in sections:
            of_kind = counts.setdefault(section.kind, {})
            for batch in batches(section.rows):
                for name, count in _put(acting, section, batch).items():
                    of_kind[name] = of_kind.get(name, 0) + count
                progress.advance(bar, len(batch))
    return counts


def _put(acting: Session, section: Section, batch: list[FileRow]) -> dict[str, int]:
    """Send one batch; rows that the API refuses are named by file and line, as ours are."""
    try:
        answer = acting.api.put(at("/v1/book/{}", section.kind), {"rows": [row.values for row in batch]})
    except Refused as refused:
        for error in _row_errors(refused):
            error["field"] = f"{section.file}:{batch[error.pop('row') - 1].line} {error.get('field', '')}".strip()
        raise
    return {name: answer[name] for name in ("new", "changed", "unchanged")}


def _row_errors(refused: Refused) -> Iterator[dict[str, Any]]:
    for error in refused.facts.get("errors") or ():
        if isinstance(error, dict) and isinstance(error.get("row"), int):
            yield error


def batches(rows: Iterable[FileRow]) -> Iterator[list[FileRow]]:
    """Rows in order, so many that a request stays small."""
    batch: list[FileRow] = []
    size = 0
    for row in rows:
        weight = len(json.dumps(row.values))
        if batch and (len(batch) == _BATCH_ROWS or size + weight > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += weight
    if batch:
        yield batch


def _print_counts(out: Console, counts: dict[str, dict[str, int]]) -> None:
    rows = [(kind, c.get("new", 0), c.get("changed", 0), c.get("unchanged", 0)) for kind, c in counts.items()]
    out.print(table("Book", ("kind", "new", "changed", "unchanged"), rows))


@group.command(epilog=example("wo book get trade WO-1001", "wo book get ssi CUSTDEFFXXX/XETR/EUR --json"))
def get(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(help="Kind of row, e.g. trade.")],
    key: Annotated[str, typer.Argument(help="Its key.")],
    as_json: Json = False,
) -> None:
    """The newest version of one row."""
    found = session(ctx).api.get(at("/v1/book/{}/{}", kind, key))
    show(found, as_json, facts)
