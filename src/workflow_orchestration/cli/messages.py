"""`wo messages`: SWIFT messages in, one by one or from a folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workflow_orchestration.cli.examples import example
from workflow_orchestration.cli.output import Json, facts, say, show, table
from workflow_orchestration.cli.session import at, session

if TYPE_CHECKING:
    from rich.console import Console

group = typer.Typer(help="Messages: the inbound door.", no_args_is_help=True,
                    epilog=example("wo messages post mt548.fin"))  # fmt: skip


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="messages")


@group.command(
    epilog=example("wo messages post mt548.fin", "cat batch.rje | wo messages post - --idempotency-key batch-7")
)
def post(
    ctx: typer.Context,
    file: Annotated[
        str, typer.Argument(help="A file of one message, or of several (RJE, separated by $); - is stdin.")
    ],
    idempotency_key: Annotated[
        str | None,
        typer.Option(help="Makes a repetition safe beyond equal bytes; of several messages, -1, -2 ... follow it."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Post every message of a file; the same bytes twice are one message."""
    from workflow_orchestration.cli import outbound

    raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    messages = outbound.split(raw)
    posted = []
    for n, message in enumerate(messages, start=1):
        key = idempotency_key if len(messages) == 1 or idempotency_key is None else f"{idempotency_key}-{n}"
        posted.append(outbound.post(session(ctx).api, message, key=key))
        if not as_json:
            _posted(posted[-1])
    if as_json:
        show({"items": posted}, True, lambda _out, _data: None)


def _posted(answer: dict[str, Any]) -> None:
    known = " (known already)" if answer.get("duplicate") else ""
    print(f"message {answer['message_id']}{known}")
    for item in answer.get("items", ()):
        print(
            f"  item {item['n']}: "
            + (f"case {item['case_id']}" if item.get("case_id") else f"no case: {item['reason']}")
        )


@group.command(
    epilog=example("wo --as feed:event_ingest messages watch /var/spool/swift", "wo messages watch inbox --once")
)
def watch(
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="The inbox; done/ and refused/ are made in it.")
    ],
    once: Annotated[bool, typer.Option("--once", help="Take what lies there now, and end.")] = False,
    every: Annotated[float, typer.Option(min=0.05, help="Seconds between two looks.")] = 1.0,
) -> None:
    """Post each file of a folder once it is complete, and move it to done/ or, with the reason beside it, refused/.

    While the API is away it waits. Killed between post and move it loses nothing: the same bytes are one message.
    """
    from workflow_orchestration.cli.inbox import Inbox

    inbox = Inbox(folder, session(ctx).api, pause=every)
    try:
        inbox.run(once=once)
    finally:
        say(f"taken: {inbox.done} done, {inbox.refused} refused; {len(inbox.waiting())} still wait in {folder}")


@group.command("show", epilog=example("wo messages show 0198..."))
def show_(
    ctx: typer.Context,
    message: Annotated[str, typer.Argument(help="The message's id.")],
    as_json: Json = False,
) -> None:
    """One message: who sent it, and the case of each of its items, or why there is none."""
    show(session(ctx).api.get(at("/v1/messages/{}", message)), as_json, _message)


def _message(out: Console, data: dict[str, Any]) -> None:
    facts(out, {name.replace("_", " "): value for name, value in data.items() if name not in ("items", "raw")})
    rows = [(i["n"], i.get("case_id"), i.get("reason")) for i in data["items"]]
    out.print(table("Items", ("n", "case", "no case, because"), rows))


@group.command("replay-dlq", epilog=example("wo messages replay-dlq --dry-run", "wo messages replay-dlq --limit 10"))
def replay_dlq(
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many; by default all that lie there.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Those too that were replayed before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show them; send and remember nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Send Kafka's dead letters once more to the topics they came from. Run it where the bridge's settings are.

    What is still refused comes back as a new dead letter; what came in meanwhile is known and changes nothing.
    """
    from workflow_orchestration.cli import kafka

    found = kafka.replay(limit=limit, again=again, dry_run=dry_run)
    show({"items": found}, as_json, kafka.print_replayed)
