"""How a case and its log look on a terminal. Every text in them is data: output.safe shows it, nothing obeys it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workflow_orchestration.cli.output import facts, heading, listing, plain, safe, table

if TYPE_CHECKING:
    from rich.console import Console

_QUEUE = {"id": "id", "band": "band", "priority": "priority", "desk": "desk", "phase": "phase", "status": "status",
          "root cause": "root_cause", "reference": "reference", "cut-off": "cutoff_at", "title": "title"}  # fmt: skip
_GROUPS = {"id": "id", "account": "account", "cause": "root_cause", "instructions": "instructions", "status": "status",
           "phase": "phase", "desk": "desk"}  # fmt: skip
_SHADOW = {"desk": "desk", "people decided on": "action", "decisions": "decisions", "agreed": "agreed",
           "differed": "differed", "silent": "silent", "agreement": "agreement"}  # fmt: skip
_CASE = {"status": "status", "phase": "phase", "title": "title", "desk": "desk", "account": "account",
         "reference": "reference", "band": "band", "priority": "priority", "root cause": "root_cause",
         "fault side": "fault_side", "exposure EUR": "exposure_eur", "cut-off": "cutoff_at",
         "requester": "requester", "owner": "owner", "assignee": "assignee", "expires": "expires_at",
         "ended": "ended_at", "status as of": "status_as_of"}  # fmt: skip
#: Parts of a case that are lists of records: title, field, {column: field}.
_PARTS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("Approvals", "approvals", {"id": "id", "state": "state", "tier": "tier", "action": "action",
                                "expires": "expires_at", "decided by": "decided_by", "hash": "payload_hash"}),
    ("Effects", "effects", {"id": "id", "state": "state", "type": "type", "step": "step", "recipient": "recipient",
                            "delivered": "delivered_at", "last error": "last_error"}),
    ("Messages", "items", {"message": "message_id", "item": "n", "type": "message_type", "reference": "sender_ref",
                           "received": "received_at"}),
    ("Tasks", "tasks", {"id": "id", "state": "state", "role": "role", "text": "text"}),
)  # fmt: skip


def queue(out: Console, data: Mapping[str, Any]) -> None:
    out.print(listing("Cases", _QUEUE, data["items"]))
    if data.get("next"):
        plain(out, f"More: --cursor {data['next']}, or --all")


def progress(out: Console, data: Mapping[str, Any]) -> None:
    """How far a sweep's groups are: counted all, listed as far as one may see them."""
    counts = {name: f"{data.get(name)}, {data.get(f'{name}_open')} open" for name in ("groups", "instructions")}
    facts(out, {"looked at": data.get("looked_at"), **counts})
    out.print(listing("Groups", _GROUPS, data["items"]))


def shadow(out: Console, data: Mapping[str, Any]) -> None:
    """Agreement among the decisions on which agents had a say; silence is neither."""
    rows = [{**row, "agreement": _share(row.get("agreed", 0), row.get("differed", 0))} for row in data["items"]]
    out.print(listing(f"Agents in shadow mode since {safe(data.get('since'))}", _SHADOW, rows))


def _share(agreed: int, differed: int) -> str:
    return f"{100 * agreed / (agreed + differed):.0f} %" if agreed + differed else "-"


def case(out: Console, data: Mapping[str, Any]) -> None:
    """Facts, findings, what differs, what is proposed, and the records below it."""
    heading(out, f"Case {safe(data.get('id'))}")
    facts(out, {label: data.get(name) for label, name in _CASE.items()})
    findings(out, data.get("findings") or {})
    if proposal := data.get("proposal"):
        heading(out, f"\nProposed: {proposal.get('action')} (tier {proposal.get('tier')})")
        proposed(out, proposal)
    else:
        _records(out, "Difference", data.get("diff"))
    for title, name, fields in _PARTS:
        if data.get(name):
            out.print(listing(title, fields, data[name]))


def findings(out: Console, found: Mapping[str, Any]) -> None:
    if found:
        out.print(table("Findings", ("topic", "found"), sorted(found.items())))


def proposed(out: Console, proposal: Mapping[str, Any]) -> None:
    """Summary, parameters, difference, evidence, validators and steps of a proposal or of an approval."""
    content = {**proposal, **(proposal.get("content") or {})}
    facts(out, {"summary": content.get("summary")})
    commented(out, content.get("commentary"))
    if params := content.get("params"):
        out.print(table("Parameters", ("field", "value"), params.items()))
    _records(out, "Difference", content.get("diff"))
    _records(out, "Evidence", content.get("evidence"))
    _records(out, "Validators", content.get("validations"))
    for n, step in enumerate(content.get("steps") or (), start=1):
        to = f" to {step['to']}" if step.get("to") else ""
        heading(out, f"\nStep {n}, {step.get('name')}: {step.get('kind')} {step.get('type')}{to}")
        plain(out, step.get("payload"))


def commented(out: Console, said: Mapping[str, Any] | None) -> None:
    """What agents said: their reason, what the critic has against it, and why there is nothing where they failed."""
    if not said:
        return
    explanation = said.get("explanation") or {}
    critic = {True: "agrees", False: "objects"}.get(said.get("agrees"))  # type: ignore[arg-type]
    told = {"agents say": explanation.get("text"), "critic": critic, "degraded": said.get("degraded")}
    facts(out, {label: text for label, text in told.items() if text})
    _records(out, "Objections", said.get("objections"))
    _records(out, "Agents found", said.get("findings"))


def _records(out: Console, title: str, records: Sequence[Any] | None) -> None:
    """Records as a table of the fields that they have, in the order of their first appearance."""
    if not records:
        return
    named = [r if isinstance(r, Mapping) else {"text": r} for r in records]
    columns = list(dict.fromkeys(name for record in named for name in record))
    out.print(table(title, columns, [[record.get(c) for c in columns] for record in named]))


def entry_line(entry: Mapping[str, Any]) -> str:
    """One log entry on one line; a replayed node's earlier entry is marked."""
    replayed = " (superseded)" if entry.get("superseded") else ""
    said = " ".join(f"{k}={safe(v)}" for k, v in (entry.get("data") or {}).items() if v not in (None, "", [], {}))
    who = (entry.get("actor") or {}).get("id")
    line = f"{entry.get('seq'):>4} {safe(entry.get('at'))} {safe(entry.get('type'))}{replayed} by {safe(who)} {said}"
    return line.replace("\n", " ").rstrip()
