"""`wo cases`: the queue, one case, its log as it happens, and what people and schedulers may do to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from workflow_orchestration.cli import case_view
from workflow_orchestration.cli.examples import example
from workflow_orchestration.cli.moments import moment
from workflow_orchestration.cli.output import Json, plain, say, show, unless_any
from workflow_orchestration.cli.session import Session, at, session

group = typer.Typer(help="Cases: the queue of exceptions, and each one's story.", no_args_is_help=True,
                    epilog=example("wo cases list", "wo cases show 0198..."))  # fmt: skip
CaseId = Annotated[str, typer.Argument(help="The case's id.")]
#: Most that one page of the API holds.
_PAGE = 200


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="cases")


@group.command(
    "list", epilog=example("wo cases list --desk emea --band P1", "wo cases list --status open --all --json")
)
def list_(
    ctx: typer.Context,
    status: Annotated[str, typer.Option(help="open, resolved, rejected, failed, cancelled, expired, or any.")] = "open",
    desk: Annotated[str | None, typer.Option(help="Only of this desk.")] = None,
    phase: Annotated[str | None, typer.Option(help="Only in this phase, e.g. AWAITING_APPROVAL.")] = None,
    root_cause: Annotated[str | None, typer.Option(help="Only of this root cause, e.g. CPTY_STOCK.")] = None,
    band: Annotated[str | None, typer.Option(help="Only of this priority band, P1 to P4.")] = None,
    assignee: Annotated[str | None, typer.Option(help="Only of this person.")] = None,
    reference: Annotated[str | None, typer.Option(help="Only the cases of this reference.")] = None,
    workflow: Annotated[str | None, typer.Option(help="Only of this workflow.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=_PAGE, help="Most cases on a page.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Where the last page said to go on.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All pages.")] = False,
    as_json: Json = False,
) -> None:
    """Cases that your desks may see, most urgent first."""
    filters = {"status": unless_any(status), "desk": desk, "phase": phase, "root_cause": root_cause, "band": band,
               "assignee": assignee, "reference": reference, "workflow": workflow, "limit": limit}  # fmt: skip
    pages = _pages(session(ctx), {**filters, "cursor": cursor}, every=every)
    items = [item for page in pages for item in page["items"]]
    show({"items": items, "next": page_after(pages)}, as_json, case_view.queue)


def _pages(acting: Session, params: dict[str, Any], *, every: bool) -> list[dict[str, Any]]:
    pages = [acting.api.get("/v1/cases", params=params)]
    while every and page_after(pages):
        pages.append(acting.api.get("/v1/cases", params={**params, "cursor": page_after(pages)}))
    return pages


def page_after(pages: list[dict[str, Any]]) -> str | None:
    """The cursor after the last page; None when that was all."""
    return pages[-1].get("next")


@group.command("show", epilog=example("wo cases show 0198...", "wo cases show 0198... --wait 25 --json"))
def show_(
    ctx: typer.Context,
    case: CaseId,
    wait: Annotated[int, typer.Option(min=0, max=25, help="Wait up to so many seconds for its end.")] = 0,
    as_json: Json = False,
) -> None:
    """One case: findings, diff, proposal, approvals, effects and tasks."""
    found = session(ctx).api.get(at("/v1/cases/{}", case), params={"wait": wait or None})
    show(found, as_json, case_view.case)


@group.command(epilog=example("wo cases progress 0198...", "wo cases progress 0198... --json"))
def progress(ctx: typer.Context, case: CaseId, as_json: Json = False) -> None:
    """How far the groups of a sweep are."""
    show(session(ctx).api.get(at("/v1/cases/{}/progress", case)), as_json, case_view.progress)


@group.command(epilog=example("wo cases shadow --since 2026-11-01", "wo cases shadow --since 2026-11-01 --json"))
def shadow(
    ctx: typer.Context,
    since: Annotated[str, typer.Option(help="Decisions from this time (UTC) on.")],
    as_json: Json = False,
) -> None:
    """How often agents in shadow mode would have done what people decided, by desk and action."""
    asked = {"since": moment(since, option="--since")}
    show(session(ctx).api.get("/v1/cases:shadow", params=asked), as_json, case_view.shadow)


@group.command(epilog=example("wo cases events 0198...", "wo cases events 0198... --follow --after 12"))
def events(
    ctx: typer.Context,
    case: CaseId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the case ends.")] = False,
    after: Annotated[int, typer.Option(min=0, help="Only entries after this number.")] = 0,
    as_json: Json = False,
) -> None:
    """The case's log, one line an entry (with --json: one JSON document a line)."""
    from workflow_orchestration.cli import events as streams

    api, path = session(ctx).api, at("/v1/cases/{}/events", case)
    entries = streams.follow(api, path, after) if follow else streams.so_far(api, path, after)
    _print_entries(entries, as_json)


@group.command(epilog=example("wo cases replay 0198...", "wo cases replay 0198... --json"))
def replay(case: CaseId, as_json: Json = False) -> None:
    """Run its agents' talk again from the recorded answers, and show what differs today. Reads DATABASE_URL."""
    from workflow_orchestration.cli import replay as replaying

    replaying.run(case, as_json=as_json)


def _print_entries(entries: Iterator[dict[str, Any]], as_json: bool) -> None:
    for entry in entries:
        print(json.dumps(entry) if as_json else case_view.entry_line(entry), flush=True)


@group.command("open", epilog=example("wo cases open --account SAFE-1 --reference WO-1001 --title 'custodian phoned'"))
def open_(
    ctx: typer.Context,
    account: Annotated[str, typer.Option(help="Our account, as in the book.")],
    reference: Annotated[str, typer.Option(help="The instruction's or trade's reference, as in the book.")],
    workflow: Annotated[str, typer.Option(help="The workflow that will work on it.")] = "settlement",
    desk: Annotated[str | None, typer.Option(help="Its desk, if not the account's.")] = None,
    title: Annotated[str | None, typer.Option(help="Why, in a few words.")] = None,
    expires_at: Annotated[str | None, typer.Option(help="Deadline, e.g. 2026-11-24T17:00:00Z.")] = None,
    as_json: Json = False,
) -> None:
    """Open a case without a message; an existing one of that key is shown instead."""
    deadline = moment(expires_at, option="--expires-at") if expires_at else None
    body = {"workflow": workflow, "account": account, "reference": reference, "desk": desk, "title": title,
            "expires_at": deadline}  # fmt: skip
    _tell(session(ctx).api.post("/v1/cases", body, repeatable=True), as_json)


Comment = Annotated[str | None, typer.Option(help="Why, for the log.")]


@group.command(epilog=example("wo cases cancel 0198... --comment 'trade was booked twice'"))
def cancel(
    ctx: typer.Context,
    case: CaseId,
    owner: Annotated[str | None, typer.Option(help="Only if this scheduler still owns it.")] = None,
    comment: Comment = None,
    as_json: Json = False,
) -> None:
    """End an open case and withdraw what it still asks of people and receivers."""
    body = {"owner": owner, "comment": comment}
    _tell(session(ctx).api.post(at("/v1/cases/{}/cancel", case), body), as_json)


@group.command(epilog=example("wo cases reopen 0198... --comment 'the confirmation was for another trade'"))
def reopen(
    ctx: typer.Context,
    case: CaseId,
    comment: Annotated[str, typer.Option(help="Why, for the log.")],
    as_json: Json = False,
) -> None:
    """Work on an ended case again, in its next thread."""
    _tell(session(ctx).api.post(at("/v1/cases/{}/reopen", case), {"comment": comment}), as_json)


@group.command(epilog=example("wo cases assign 0198... --assignee anna", "wo cases assign 0198... --desk emea"))
def assign(
    ctx: typer.Context,
    case: CaseId,
    assignee: Annotated[str | None, typer.Option(help="Who works on it.")] = None,
    desk: Annotated[str | None, typer.Option(help="The desk it belongs to.")] = None,
    as_json: Json = False,
) -> None:
    """Give a case to a person, or to another desk."""
    _tell(session(ctx).api.post(at("/v1/cases/{}/assign", case), {"assignee": assignee, "desk": desk}), as_json)


@group.command(
    epilog=example(
        "wo cases hold 0198... --comment 'dispute 4711'",
        "wo cases hold 0198... --end --comment 'dispute 4711 is settled'",
    )
)
def hold(
    ctx: typer.Context,
    case: CaseId,
    comment: Annotated[str, typer.Option(help="Why, for the log.")],
    end: Annotated[bool, typer.Option("--end", help="End the hold: the case's retention counts again.")] = False,
    as_json: Json = False,
) -> None:
    """Keep everything of a case, also what retention would remove."""
    _tell(session(ctx).api.post(at("/v1/cases/{}/hold", case), {"held": not end, "comment": comment}), as_json)


@group.command(epilog=example("wo cases comment 0198... 'custodian confirmed by phone, ref 4711'"))
def comment(
    ctx: typer.Context,
    case: CaseId,
    text: Annotated[str, typer.Argument(help="The comment; it stays in the log for ever.")],
    as_json: Json = False,
) -> None:
    """Add a comment to the case's log."""
    told = session(ctx).api.post(at("/v1/cases/{}/comments", case), {"text": text})
    show(told, as_json, lambda _out, _data: say("commented"))


def _tell(case: dict[str, Any], as_json: bool) -> None:
    show(case, as_json, lambda out, data: plain(out, f"case {data.get('id')}: {data.get('status')}"))
