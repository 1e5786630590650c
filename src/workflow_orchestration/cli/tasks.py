"""`wo tasks`: what people are asked to do or to answer."""

from __future__ import annotations

from typing import Annotated

import typer

from workflow_orchestration.cli.assignments import assignments
from workflow_orchestration.cli.examples import example
from workflow_orchestration.cli.output import Json, listing, say, show, unless_any
from workflow_orchestration.cli.session import at, session

group = typer.Typer(help="Tasks and information requests.", no_args_is_help=True, epilog=example("wo tasks list"))


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="tasks")


@group.command("list", epilog=example("wo tasks list --state open"))
def list_(
    ctx: typer.Context,
    state: Annotated[str, typer.Option(help="open, done, cancelled, or any.")] = "open",
    case: Annotated[str | None, typer.Option(help="Only of this case.")] = None,
    as_json: Json = False,
) -> None:
    """Tasks that your desks may see, oldest first."""
    found = session(ctx).api.get("/v1/tasks", params={"state": unless_any(state), "case_id": case})
    fields = {"id": "id", "role": "role", "kind": "kind", "state": "state", "case": "case_id", "text": "text"}
    show(found, as_json, lambda out, data: out.print(listing("Tasks", fields, data["items"])))


@group.command(epilog=example("wo tasks complete 0198... --result answer='booked twice' --comment 'see trade WO-1001'"))
def complete(
    ctx: typer.Context,
    task: Annotated[str, typer.Argument(help="The task's id.")],
    result: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=VALUE", help="Part of the result; repeat it.")
    ] = None,
    comment: Annotated[str | None, typer.Option(help="What you did, for the log.")] = None,
    as_json: Json = False,
) -> None:
    """Bring a task to its end; its case goes on with the result."""
    body = {"result": assignments(result or [], option="--result"), "comment": comment}
    done = session(ctx).api.post(at("/v1/tasks/{}/complete", task), body)
    show(done, as_json, lambda _out, _data: say(f"task {task}: done"))
