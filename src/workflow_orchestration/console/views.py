"""From rows to what a page shows. Pure: no rule is decided here, only named, sorted and marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workflow_orchestration.console.words import label
from workflow_orchestration.domain.roles import Principal
from workflow_orchestration.domain.validators import VALIDATORS

Row = dict[str, Any]

#: Colour of a state; its word is always there too.
TONES = {
    "open": "", "resolved": "good", "rejected": "bad", "failed": "bad", "cancelled": "", "expired": "warn",
    "pending": "warn", "approved": "good", "superseded": "", "delivered": "good", "refused": "bad",
    "PASS": "good", "FAIL": "bad", "WARN": "warn", "NOT_RUN": "bad", "NOT_APPLICABLE": "",
}  # fmt: skip
_STAGES = ("proposal", "decision", "delivery")
_STEP_TOLD = {
    "message": "{type} to {to}",
    "task": "task for {to}",
    "timer": "waits {timeout_minutes} min",
    "assign": "goes to {to}",
}
_SIDES = (("trade", "Booked trade"), ("ours", "Ours"), ("theirs", "Theirs"))


def toned(row: Row, field: str = "state") -> Row:
    return {**row, "tone": TONES.get(row[field], "")}


def diff(rows: Sequence[Row], *, proposed: bool) -> list[Row]:
    """Each field with its sides; what differs from the booked trade is marked by a sign, a word and a colour."""
    return [
        {"field": row["field"], "evidence": row.get("evidence") or (), "cells": _cells(row, proposed)} for row in rows
    ]


def _cells(row: Row, proposed: bool) -> list[Row]:
    base = row.get("trade") or row.get("ours")
    cells = [
        _cell(title, row.get(side), row.get(side) is not None and row.get(side) != base, "differs")
        for side, title in _SIDES
    ]
    if proposed:
        changes = row.get("proposed") is not None and row.get("proposed") != row.get("ours")
        cells.append(_cell("Proposed", row.get("proposed"), changes, "changes"))
    return cells


def _cell(side: str, text: str | None, marked: bool, mark: str) -> Row:
    changes = mark == "changes"
    return {
        "side": side,
        "text": text,
        "mark": mark if marked else "",
        "sign": "\u2192" if changes else "\u2260",
        "tone": "proposed" if changes else "differs",
    }


def checks(validations: Sequence[Row], gates: Mapping[str, Sequence[str]]) -> list[Row]:
    """Every validator's answer, those that gate this action first."""
    shown = [_check(row, gates.get(row["stage"], ())) for row in validations]
    return sorted(shown, key=lambda c: (_STAGES.index(c["stage"]), not c["gates"], not c["blocks"], c["id"]))


def _check(row: Row, gates: Sequence[str]) -> Row:
    known, outcome = VALIDATORS.get(row["validator"]), row["outcome"]
    gating = row["validator"] in gates
    return {
        "id": row["validator"], "title": known.about if known else "", "outcome": outcome, "detail": row["detail"],
        "stage": row["stage"], "gates": gating, "tone": TONES.get(outcome, ""),
        "blocks": gating and outcome in ("FAIL", "NOT_RUN"),
        "prominent": gating or outcome not in ("PASS", "NOT_APPLICABLE"),
    }  # fmt: skip


def proposal(content: Row | None) -> Row | None:
    """A stored proposal with each step's one-line meaning."""
    if content is None:
        return None
    steps = [{**step, "told": _told(step)} for step in content["steps"]]
    return {**content, "steps": steps}


def _told(step: Row) -> str:
    kind = f"MT{step['type']}" if step["type"].isdigit() else step["type"]
    return _STEP_TOLD[step["kind"]].format(type=kind, to=step["to"], timeout_minutes=step["timeout_minutes"])


def approval(row: Row) -> Row:
    """An approval with who has given theirs, and how many are still missing."""
    givers = [d["actor"] for d in row["decisions"] if d["decision"] == "approve"]
    return {**toned(row), "given": len(givers), "givers": givers, "missing": max(0, row["needed"] - len(givers))}


def hindrance(row: Row, visitor: Principal) -> str | None:
    """Why this person is asked for no decision, in words; None when they are. The store says whether."""
    if row["allowed_decisions"]:
        return None
    if visitor.id == row["requester"]:
        return "you requested this case"
    if visitor.id in row["makers"]:
        return "you made part of what is proposed"
    if any(d["actor"] == visitor.id for d in row["decisions"]):
        return "you have decided on it already"
    return f"it needs one of: {', '.join(label(role) for role in row['required_roles'])}"


def evidence(content: Row | None, items: Sequence[Row]) -> list[Row]:
    """What the proposal rests on; before there is one, the messages themselves."""
    if content is not None:
        looked_up = (content.get("commentary") or {}).get("evidence", [])
        return list({one["id"]: one for one in (*looked_up, *content["evidence"])}.values())
    return [
        {
            "id": f"{item['record']['kind']}-{item['seq']}",
            "sha256": item["sha256"],
            "source": f"MT{item['message_type']} {item['sender_ref']} lines "
            f"{item['record']['source']['first_line']}-{item['record']['source']['last_line']}",
            "excerpt": item["record"]["source"]["excerpt"],
        }
        for item in items
    ]


def findings(found: Row) -> list[tuple[str, Any]]:
    """What was found, by topic; the field diff and the agents have their own places, the notes are in the rationale."""
    assessment = {name: value for name, value in found.get("assessment", {}).items() if name not in ("diff", "notes")}
    shown = [(topic, value) for topic, value in found.items() if topic != "agents"]
    return [(topic, assessment if topic == "assessment" else value) for topic, value in shown if value]


def warnings(assessment: Row, commentary: Row | None = None) -> list[tuple[str, str]]:
    """What everybody who opens the case must see first."""
    found = []
    if assessment.get("stop"):
        found.append(("Legal stop", "A legal code or a possible sanctions match: only compliance may decide."))
    if assessment.get("suspected_injection"):
        found.append(
            (
                "A message tries to give instructions",
                "Its text is data here and has changed nothing; read the narrative with suspicion.",
            )
        )
    if commentary and commentary.get("degraded"):
        found.append(("Degraded mode", f"{commentary['degraded']}. Code's findings are all there is."))
    return found
