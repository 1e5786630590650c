"""`wo`: the root command, its global options, and how every failure ends.

It must start in under 0.3 s: settings, httpx, the API, the worker and psycopg are imported by the commands that need
them, when they run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from workflow_orchestration.cli import (
    approvals,
    book,
    cases,
    effects,
    env,
    kill_switch,
    log,
    messages,
    migrate,
    serve,
    tasks,
    tokens,
)
from workflow_orchestration.cli.examples import example
from workflow_orchestration.cli.exits import MEANINGS, Code, Failure, WrongUsage, of_platform_error
from workflow_orchestration.cli.output import print_failure
from workflow_orchestration.cli.session import Session, parse_actor
from workflow_orchestration.domain.errors import PlatformError

HELP = "Workflow orchestration: exceptions in, two people's approval, one effect out.\n\nExit codes:\n\n" + "\n\n".join(
    f"{code.value:>3}  {meaning}" for code, meaning in MEANINGS.items()
)

app = typer.Typer(
    name="wo", help=HELP, no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False,
    epilog=example("wo --as anna:ops_approver:emea cases list", "wo COMMAND --help"),
)  # fmt: skip
#: In the order in which somebody meets them; each group is a file of its name.
for group in (serve, migrate, env, tokens, book, messages, cases, approvals, tasks, effects, kill_switch, log):
    group.add_to(app)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"wo {version('workflow-orchestration')}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    token: Annotated[str | None, typer.Option(help="Token to send; API_TOKEN is better: no `ps` shows it.")] = None,
    acting: Annotated[
        str | None,
        typer.Option("--as", metavar="USER:ROLES:DESKS", help="Act as a local user; needs LOCAL_ISSUER_KEY. "
                     "Lists are separated by commas; without desks: all."),
    ] = None,
    url: Annotated[str | None, typer.Option(help="Address of the API, instead of API_URL.")] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:  # fmt: skip
    made: Session = ctx.obj
    made.token, made.url = token, url
    made.acting = parse_actor(acting) if acting is not None else None


def run(argv: Sequence[str], session: Session) -> int:
    """Run one command line; returns its exit code and prints what went wrong."""
    try:
        app(list(argv), prog_name="wo", obj=session)
    except SystemExit as ended:  # typer's own: done, wrong usage (2), Ctrl-C (130)
        return ended.code if isinstance(ended.code, int) else Code.OK
    except Failure as failure:
        return _ended(failure)
    except PlatformError as error:
        return _ended(of_platform_error(error))
    except OSError as error:  # a file or folder named on the command line
        return _ended(WrongUsage(str(error), "Name a file or folder that is there and may be used."))
    return Code.OK


def _ended(failure: Failure) -> int:
    print_failure(failure)
    return failure.code


def main() -> None:
    sys.exit(run(sys.argv[1:], Session()))
