"""`wo kill-switch`: stop effects at once, for everything, a workflow or an action; it survives restarts."""

from __future__ import annotations

from typing import Annotated

import typer

from workflow_orchestration.cli.examples import example
from workflow_orchestration.cli.output import Json, listing, say, show
from workflow_orchestration.cli.session import at, session

group = typer.Typer(help="Kill switches: no effect leaves while one is engaged.", no_args_is_help=True,
                    epilog=example("wo kill-switch engage all --reason 'wrong chasers since 09:12'"))  # fmt: skip
Scope = Annotated[str, typer.Argument(help="all, workflow:NAME or action:NAME.")]
Reason = Annotated[str, typer.Option(help="Why; it is logged and shown to everybody who is stopped by it.")]
_FIELDS = {"scope": "scope", "engaged": "engaged", "reason": "reason", "by": "set_by", "at": "set_at"}


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="kill-switch")


@group.command("list", epilog=example("wo kill-switch list"))
def list_(ctx: typer.Context, as_json: Json = False) -> None:
    """Every switch that was ever set, and how it stands."""
    found = session(ctx).api.get("/v1/kill-switches")
    show(found, as_json, lambda out, data: out.print(listing("Kill switches", _FIELDS, data["items"])))


@group.command(epilog=example("wo kill-switch engage action:CHASE --reason 'custodian asked us to stop'"))
def engage(ctx: typer.Context, scope: Scope, reason: Reason, as_json: Json = False) -> None:
    """Stop effects of a scope at once."""
    _set(ctx, scope, engaged=True, reason=reason, as_json=as_json)


@group.command(epilog=example("wo kill-switch release action:CHASE --reason 'custodian agrees'"))
def release(ctx: typer.Context, scope: Scope, reason: Reason, as_json: Json = False) -> None:
    """Let effects of a scope go again; what waited is tried again by itself."""
    _set(ctx, scope, engaged=False, reason=reason, as_json=as_json)


def _set(ctx: typer.Context, scope: str, *, engaged: bool, reason: str, as_json: bool) -> None:
    now = session(ctx).api.put(at("/v1/kill-switches/{}", scope), {"engaged": engaged, "reason": reason})
    show(now, as_json, lambda _out, _data: say(f"{scope}: {'engaged' if engaged else 'released'}"))
