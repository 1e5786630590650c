"""`wo approvals`: what waits for people, everything they must see, and their decision.

`decide` sends the hash that somebody was shown and typed; it never reads the approval, or it would bind the decision
to something nobody has looked at.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workflow_orchestration.cli.assignments import assignments
from workflow_orchestration.cli.case_view import proposed
from workflow_orchestration.cli.examples import example
from workflow_orchestration.cli.output import Json, facts, heading, listing, plain, show, table
from workflow_orchestration.cli.session import at, session

if TYPE_CHECKING:
    from rich.console import Console

group = typer.Typer(help="Approvals: what is proposed, bound to a hash, and people's decisions.", no_args_is_help=True,
                    epilog=example("wo approvals list", "wo approvals show 0198..."))  # fmt: skip
ApprovalId = Annotated[str, typer.Argument(help="The approval's id.")]
_LIST = {"id": "id", "tier": "tier", "action": "action", "band": "band", "desk": "desk", "expires": "expires_at",
         "state": "state", "summary": "summary"}  # fmt: skip
_HEAD = {"state": "state", "case": "case_id", "tier": "tier", "people needed": "needed", "of roles": "required_roles",
         "requester": "requester", "makers": "makers", "expires": "expires_at", "cut-off": "cutoff_at",
         "you may": "allowed_decisions", "editable": "editable", "successor": "successor"}  # fmt: skip


class Verb(StrEnum):
    """A decision as typed; the API's word has an underscore."""

    APPROVE = "approve"
    REJECT = "reject"
    EDIT = "edit"
    ESCALATE = "escalate"
    REQUEST_INFO = "request-info"


def add_to(app: typer.Typer) -> None:
    app.add_typer(group, name="approvals")


@group.command("list", epilog=example("wo approvals list", "wo approvals list --state superseded --json"))
def list_(
    ctx: typer.Context,
    state: Annotated[str, typer.Option(help="pending, approved, rejected, superseded or cancelled.")] = "pending",
    case: Annotated[str | None, typer.Option(help="Only of this case.")] = None,
    as_json: Json = False,
) -> None:
    """Approvals that your desks may see, soonest deadline first."""
    found = session(ctx).api.get("/v1/approvals", params={"state": state, "case_id": case})
    show(found, as_json, lambda out, data: out.print(listing("Approvals", _LIST, data["items"])))


@group.command("show", epilog=example("wo approvals show 0198..."))
def show_(ctx: typer.Context, approval: ApprovalId, as_json: Json = False) -> None:
    """Everything a decision rests on: diff, evidence, validators, the messages' texts, and the hash."""
    show(session(ctx).api.get(at("/v1/approvals/{}", approval)), as_json, _approval)


def _approval(out: Console, data: dict[str, Any]) -> None:
    heading(out, f"Approval {data.get('id')}: {data.get('action')}")
    facts(out, {label: data.get(name) for label, name in _HEAD.items()})
    proposed(out, data)
    if decided := data.get("decisions"):
        rows = [(d.get("actor"), d.get("decision"), d.get("at"), d.get("comment")) for d in decided]
        out.print(table("Decided so far", ("who", "decision", "at", "comment"), rows))
    heading(out, f"\npayload_hash  {data.get('payload_hash')}")


@group.command(
    epilog=example(
        "wo approvals decide 0198... approve --hash sha256:4f1c...",
        "wo approvals decide 0198... edit --hash sha256:4f1c... --set settlement_date=2026-11-25 --comment 'per SSI'",
        "wo approvals decide 0198... reject --hash sha256:4f1c... --reason WRONG_CAUSE --comment 'already matched'",
    )
)
def decide(
    ctx: typer.Context,
    approval: ApprovalId,
    verb: Annotated[Verb, typer.Argument(help="What you decide.")],
    payload_hash: Annotated[str, typer.Option("--hash", help="The hash under what you were shown (approvals show).")],
    reason: Annotated[str | None, typer.Option(help="reject: a code, e.g. WRONG_CAUSE.")] = None,
    comment: Annotated[str | None, typer.Option(help="Required unless you approve.")] = None,
    edited: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="edit: a field you change; repeat it.")
    ] = None,
    to_role: Annotated[str | None, typer.Option(help="request-info: the role that is asked.")] = None,
    as_json: Json = False,
) -> None:
    """Decide on exactly what you were shown: the hash goes with it, and another proposal is refused (409)."""
    body = {"decision": verb.value.replace("-", "_"), "payload_hash": payload_hash, "reason_code": reason,
            "comment": comment, "to_role": to_role,
            "edited_params": assignments(edited, option="--set") if edited else None}  # fmt: skip
    path = at("/v1/approvals/{}/decisions", approval)
    answer = session(ctx).api.post(path, body, repeatable=True)  # the same decision again: the stored answer
    show(answer, as_json, _answer)


def _answer(out: Console, answer: dict[str, Any]) -> None:
    state, have, need = answer.get("state"), answer.get("approvals"), answer.get("needed")
    counted = f" ({have} of {need} approvals)" if have is not None else ""
    plain(out, f"{state}{counted}")
    facts(out, {"successor": answer.get("successor"), "tier": answer.get("tier")})
