"""`wo log`: proof that the log is as it was written, and exports for auditors."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from workflow_orchestration.cli.examples import example
from workflow_orchestration.cli.exits import CheckFailed, WrongUsage
from workflow_orchestration.cli.moments import moment
from workflow_orchestration.cli.output import Json, plain, say, show, table
from workflow_orchestration.cli.session import at, session

if TYPE_CHECKING:
    from rich.console import Console

group = typer.Typer(help="The log: verify it, export it, prove that tampering is found.", no_args_is_help=True,
                    epilog=example("wo log verify"))  # fmt: skip


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="log")


@group.command(epilog=example("wo log verify", "wo log verify --stream system --json"))
def verify(
    ctx: typer.Context,
    stream: Annotated[str | None, typer.Option(help="Only this case's stream, or `system`.")] = None,
    as_json: Json = False,
) -> None:
    """Check every entry against its chain and the anchors; exit 4 when anything was changed."""
    report = session(ctx).api.get("/v1/log/verify", params={"stream": stream})
    show(report, as_json, _report)
    if not report["valid"]:
        raise CheckFailed(f"the log is invalid: {len(report['findings'])} findings",
                          "Keep the database as it is and tell the auditors; restore from a backup.")  # fmt: skip


def _report(out: Console, report: dict[str, Any]) -> None:
    size = f"{report['streams']} streams, {report['entries']} entries, {report['anchors']} anchors"
    plain(out, f"log: {'valid' if report['valid'] else 'INVALID'} ({size})")
    if report["findings"]:
        rows = [(f["stream"], f["seq"], f["kind"], f["detail"]) for f in report["findings"]]
        out.print(table("Findings", ("stream", "entry", "kind", "what"), rows))


@group.command(epilog=example("wo log export --case 0198... -o case.ndjson",
                              "wo log export --from 2026-11-01 --to 2026-12-01 -o november.ndjson"))  # fmt: skip
def export(
    ctx: typer.Context,
    case: Annotated[str | None, typer.Option(help="Of this case, all of it.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="Of all streams, from this time (UTC) on.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Up to this time, without it.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write, instead of stdout.")] = None,
) -> None:
    """The log as NDJSON, one entry a line; an export that was cut leaves no file and is an error."""
    path, params = _source(case, start, end)
    with _target(output) as target, session(ctx).api.stream(path, params=params, headers=_NDJSON) as response:
        count, complete = copy(response.iter_lines(), target, trailer_due=case is None)
    say(f"{count} entries exported")
    if not complete:
        raise CheckFailed("the period has not ended, or somebody still writes into it: more entries may come",
                          "Export again once it is over.")  # fmt: skip


_NDJSON = {"Accept": "application/x-ndjson"}


def _source(case: str | None, start: str | None, end: str | None) -> tuple[str, dict[str, str]]:
    if case is not None and start is None and end is None:
        return at("/v1/log/cases/{}", case), {}
    if case is None and start is not None and end is not None:
        return "/v1/log", {"from": moment(start, option="--from"), "to": moment(end, option="--to")}
    raise WrongUsage("an export is of one case or of one period", "Give --case ID, or both --from and --to.")


@contextmanager
def _target(output: Path | None) -> Iterator[TextIO]:
    """stdout, or a file that appears only when it is complete."""
    if output is None:
        yield sys.stdout
        return
    part = output.with_name(output.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as file:
            yield file
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def copy(lines: Iterator[str], target: TextIO, *, trailer_due: bool) -> tuple[int, bool]:
    """Copy entries; how many, and whether that is all. A period's export without its trailer was cut."""
    count, trailer = 0, None
    for line in filter(None, lines):
        entry = json.loads(line)
        target.write(line + "\n")
        if entry.get("trailer"):
            trailer = entry
        else:
            count += 1
    if trailer_due and (trailer is None or trailer["count"] != count):
        raise CheckFailed(f"the export was cut after {count} entries", "Export again; a shorter period is faster.")
    return count, trailer is None or bool(trailer["complete"])


@group.command("tamper-test", epilog=example("DATABASE_OWNER_URL=postgresql://... wo log tamper-test"))
def tamper_test(as_json: Json = False) -> None:
    """Tamper with a copy of the log in each known way, as the database's owner, and show that each is named.

    The log itself is only read. The copy lives in one transaction and is gone when it ends, however it ends.
    """
    import asyncio

    import psycopg

    from workflow_orchestration import settings
    from workflow_orchestration.cli import tamper

    loaded = settings.load()
    try:
        trials = asyncio.run(tamper.run(loaded.owner_url(), loaded.log_anchor_file))
    except psycopg.OperationalError as error:
        raise tamper.unreachable(error) from None
    show([trial.as_dict() for trial in trials], as_json, _trials)
    missed = [trial.what for trial in trials if not trial.passed]
    if missed:
        raise CheckFailed(
            "not found as they must be: " + "; ".join(missed), "Do not trust this log's proof; tell the makers."
        )


def _trials(out: Console, trials: list[dict[str, Any]]) -> None:
    rows = [(t["what"], "found" if t["passed"] else "MISSED", "\n".join(t["found"])) for t in trials]
    out.print(table("Tampering, on a copy", ("what was done", "result", "what verify said"), rows))
