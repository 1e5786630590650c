"""`wo effects`: what was or will be done to the outside, and the two things an operator may do about it."""

from __future__ import annotations

from typing import Annotated

import typer

from workflow_orchestration.cli.examples import example
from workflow_orchestration.cli.output import Json, listing, say, show
from workflow_orchestration.cli.session import at, session

group = typer.Typer(help="Effects: messages and calls to the outside, each once.", no_args_is_help=True,
                    epilog=example("wo effects list --state refused"))  # fmt: skip
EffectId = Annotated[str, typer.Argument(help="The effect's id.")]
_FIELDS = {"id": "id", "state": "state", "type": "type", "recipient": "recipient", "tries": "tries",
           "case": "case_id", "last error": "last_error"}  # fmt: skip


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="effects")


@group.command("list", epilog=example("wo effects list --state refused --json"))
def list_(
    ctx: typer.Context,
    state: Annotated[str | None, typer.Option(help="pending, delivered, refused or cancelled.")] = None,
    case: Annotated[str | None, typer.Option(help="Only of this case.")] = None,
    as_json: Json = False,
) -> None:
    """Effects that your desks may see."""
    found = session(ctx).api.get("/v1/effects", params={"state": state, "case_id": case})
    show(found, as_json, lambda out, data: out.print(listing("Effects", _FIELDS, data["items"])))


@group.command(epilog=example("wo effects retry 0198..."))
def retry(ctx: typer.Context, effect: EffectId, as_json: Json = False) -> None:
    """Try a refused effect again, with the same key: the rules run again before it is delivered."""
    _manage(ctx, effect, "retry", as_json)


@group.command(epilog=example("wo effects cancel 0198..."))
def cancel(ctx: typer.Context, effect: EffectId, as_json: Json = False) -> None:
    """Withdraw an effect that is not delivered yet; a delivery in progress may still win."""
    _manage(ctx, effect, "cancel", as_json)


def _manage(ctx: typer.Context, effect: str, verb: str, as_json: bool) -> None:
    now = session(ctx).api.post(at("/v1/effects/{}/{}", effect, verb), {})
    show(now, as_json, lambda _out, data: say(f"effect {effect}: {data.get('state', verb)}"))
