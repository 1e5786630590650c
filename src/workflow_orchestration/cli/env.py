"""`wo env`: every setting, what is missing, and complete environment files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workflow_orchestration.cli.examples import example
from workflow_orchestration.cli.exits import CheckFailed, WrongUsage
from workflow_orchestration.cli.output import Json, say, show, table

if TYPE_CHECKING:
    from rich.console import Console

    from workflow_orchestration.cli.envfile import Variable

_MASKED = "********"


Check = Annotated[bool, typer.Option("--check", help="Say what is missing or wrong; then exit 4.")]
File = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="--check: this file instead of the environment.")
]
_WRITE = "Write a complete file, then check it; what the environment and the file have is kept, secrets made if absent."
Write = Annotated[Path | None, typer.Option(metavar="FILE", help=_WRITE)]
_TARGET = "Who reads the file: this machine, or kubectl (--from-env-file keeps quotes and comments: there are none)."
To = Annotated[str, typer.Option("--target", metavar="local|cluster", help=_TARGET)]
_DATABASE = "--write: where PostgreSQL is, if DATABASE_URL is not set; passwords are made."
Database = Annotated[str | None, typer.Option(metavar="HOST:PORT/NAME", help=_DATABASE)]


def add_to(app: typer.Typer) -> None:
    app.command(epilog=example("wo env", "wo env --check",
                               "wo env --target cluster --database wo-db:5432/wo --write cluster.env",
                               "wo env --target cluster --check --file cluster.env"))(env)  # fmt: skip


def env(
    check: Check = False,
    file: File = None,
    write: Write = None,
    target: To = "local",
    database: Database = None,
    as_json: Json = False,
) -> None:
    """Print every variable with its meaning, check them, or write a file of them.

    For a cluster the file is its one Secret (the keys that its pods read). Only the environment counts there, never
    .env: it is this machine's.
    """
    from workflow_orchestration.cli import envfile, secretfile

    if target not in set(envfile.Target):
        raise WrongUsage(f"there is no target {target!r}", "Use local or cluster.")
    cluster = target == envfile.Target.CLUSTER
    if write is not None:
        _write(cluster, write, database)
    elif check and file:
        _report(secretfile.faults(file) if cluster else envfile.faults(file))
    elif check:
        _report(_environment_faults())
    else:
        known = _known()
        rows = [_row(variable, known) for variable in envfile.variables()]
        show(rows, as_json, _print)


def _known() -> dict[str, str]:
    """What is set on this machine: the environment first, then its .env."""
    from workflow_orchestration import settings
    from workflow_orchestration.cli import envfile

    return envfile.read(Path(".env")) | settings.given()


def _write(cluster: bool, file: Path, database: str | None) -> None:
    from workflow_orchestration import settings
    from workflow_orchestration.cli import envfile, secretfile

    if cluster:
        values = secretfile.complete(envfile.read(file) | settings.given(*secretfile.NAMES), database=database)
        envfile.write(file, secretfile.text(values))
    else:
        values = envfile.complete(envfile.read(file) | _known(), database=database)
        envfile.write(file, envfile.text(values))
    say(f"{file}: written, {len(values)} variables set; it holds secrets")
    _report(secretfile.faults(file) if cluster else envfile.faults(file))


def _environment_faults() -> list[str]:
    from workflow_orchestration import settings
    from workflow_orchestration.domain.errors import SettingsError

    try:
        settings.load()
    except SettingsError as error:
        return error.detail.split("; ")
    return []


def _report(faults: list[str]) -> None:
    for fault in faults:
        say(fault)
    if faults:
        raise CheckFailed(f"{len(faults)} variables are missing or wrong",
                          "Correct them in the environment or the file; `wo env` explains each.")  # fmt: skip
    say("environment: complete")


def _row(variable: Variable, known: Mapping[str, str]) -> dict[str, Any]:
    value = known.get(variable.name)
    shown = _MASKED if value is not None and variable.secret else value
    return {"name": variable.name, "meaning": variable.meaning, "default": variable.default,
            "required": variable.required, "secret": variable.secret, "value": shown}  # fmt: skip


def _print(out: Console, rows: list[dict[str, Any]]) -> None:
    cells = [
        (r["name"], r["value"] or ("must be set" if r["required"] else ""), r["default"] or "", r["meaning"])
        for r in rows
    ]
    out.print(table("Environment", ("variable", "set to", "default", "meaning"), cells))
