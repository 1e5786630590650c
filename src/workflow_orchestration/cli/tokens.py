"""`wo token`: a token of the local issuer, for one machine; elsewhere your OIDC issuer makes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from workflow_orchestration.cli.examples import example


def add_to(app: typer.Typer) -> None:
    app.command(epilog=example("API_TOKEN=$(wo token --user anna --roles ops_approver --desk emea) wo cases list"))(
        token
    )


def token(
    user: Annotated[str, typer.Option(help="Whom the token names; the log and the two-person rule know them by it.")],
    roles: Annotated[
        str, typer.Option(help="Roles, separated by commas, e.g. ops_analyst,ops_approver (docs/reference/roles.md).")
    ],
    desk: Annotated[list[str] | None, typer.Option(help="A desk whose cases it sees; repeat it. Without: all.")] = None,
    minutes: Annotated[int, typer.Option(min=1, max=60 * 24 * 30, help="How long it is valid.")] = 480,
) -> None:
    """Print a token of the local issuer (LOCAL_ISSUER_KEY), and nothing else."""
    print(local_token(user, roles.split(","), desk or ["*"], minutes=minutes))


def local_token(user: str, roles: Sequence[str], desks: Sequence[str], *, minutes: int) -> str:
    """A token of the local issuer, on the machine whose settings hold its key."""
    from workflow_orchestration import settings
    from workflow_orchestration.api import tokens

    return tokens.issue(settings.load_issuer(), user, roles, desks, minutes)
