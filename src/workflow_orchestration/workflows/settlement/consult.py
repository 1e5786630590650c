"""What an agent is shown and asked at its turn: a pure function of the case's facts and the talk so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflow_orchestration.domain import answers, diff, injection, propose
from workflow_orchestration.domain.actions import ACTIONS
from workflow_orchestration.domain.actions.base import Assessment
from workflow_orchestration.domain.answers import Agent, Tool
from workflow_orchestration.domain.facts import Evidence, Facts
from workflow_orchestration.domain.judging import Answer, View
from workflow_orchestration.domain.propose import Proposal
from workflow_orchestration.llm.contract import Kind, Question
from workflow_orchestration.workflows.settlement import prompts, talk
from workflow_orchestration.workflows.settlement.state import Looked, Talk
from workflow_orchestration.workflows.settlement.tools import TOOLS

#: The parameter of an action that takes a text in a person's - or an agent's - own words.
DRAFTED = "note"


@dataclass(frozen=True)
class Consultation:
    """A case as agents see it now."""

    facts: Facts
    assessment: Assessment
    desk: str
    evidence: tuple[Evidence, ...]
    #: Every action that may be taken, complete: what an agent may pick from.
    options: Mapping[str, Proposal]
    view: View


def consult(facts: Facts, assessment: Assessment, desk: str, said: Talk, looked: Looked) -> Consultation:
    options = propose.options(facts, assessment)
    evidence = (*propose.talked_about(facts, assessment), *looked.evidence())
    suspected = bool(injection.suspected(text for item in facts.items for text in injection.free_texts(item)))
    drafts = not suspected and said.action is not None and DRAFTED in ACTIONS[said.action].editable
    view = View(
        evidence={e.id: propose.grounds(e, facts) for e in evidence},
        options=tuple(options),
        offered=talk.offered(said, drafts=drafts),
        slots=slots(facts),
        suspected=suspected,
    )
    return Consultation(facts, assessment, desk, evidence, options, view)


def slots(facts: Facts) -> dict[str, str]:
    """What a draft may name, by placeholder: as our side states it."""
    trade, ours, theirs = diff.sides(facts)
    known = {
        "our_reference": facts.instruction and facts.instruction.our_ref,
        "our_amount": ours.amount or trade.amount,
        "their_amount": theirs.amount,
        "quantity": ours.quantity or trade.quantity,
        "isin": ours.isin or trade.isin,
        "settlement_date": ours.settlement_date or trade.settlement_date,
        "counterparty": trade.counterparty,
    }
    return {name: value for name, value in known.items() if value}


def question(agent: Agent, seen: Consultation, said: Talk, *, findings: bool = False) -> Question[Any]:
    """The agent's question. `findings`: the investigator has looked things up and says what they show."""
    asked, answer = _ASKED[agent](seen, said) if not findings else _weigh(seen, said)
    kind: Kind = "draft" if answer is answers.Draft else "decision"
    return Question(
        agent=agent,
        case_id=seen.facts.case_id,
        desk=seen.desk,
        instructions=prompts.INSTRUCTIONS[agent],
        facts=prompts.facts(seen.evidence, asked),
        answer=answer,
        kind=kind,
    )


_Asked = tuple[dict[str, Any], type[Answer]]


def _handoff(seen: Consultation, said: Talk) -> _Asked:
    spoken = f"{', '.join(said.spoken) or 'nobody'} had a turn, {said.hops} in all"
    so_far = {"spoken": spoken, "picked": said.action, "critic_agrees": said.agrees}
    return {"for": "next_agent", "offered": seen.view.offered, "so_far": so_far}, answers.Handoff


def _triage(seen: Consultation, said: Talk) -> _Asked:
    return {"for": "root_cause", "code_found": seen.assessment.root_cause}, answers.Triage


def _lookups(seen: Consultation, said: Talk) -> _Asked:
    tools: list[Tool] = list(TOOLS)
    return {"for": "tools", "offered": tools, "round": said.round + 1}, answers.Lookups


def _weigh(seen: Consultation, said: Talk) -> _Asked:
    return {"for": "findings", "looked_up": said.wanted, "round": said.round}, answers.Findings


def _choice(seen: Consultation, said: Talk) -> _Asked:
    known = {"root_cause": said.root_cause, "fault_side": said.fault_side, "objections": _texts(said.objections)}
    return {"for": "action", "offered": list(seen.options), "known": known}, answers.Choice


def _draft(seen: Consultation, said: Talk) -> _Asked:
    picked = seen.options.get(said.action or "")
    placeholders = [f"{{{name}}}" for name in seen.view.slots]
    return {"for": "body", "about": picked and picked.summary, "placeholders": placeholders}, answers.Draft


def _critique(seen: Consultation, said: Talk) -> _Asked:
    picked = seen.options.get(said.action or "")
    about = {
        "action": said.action,
        "summary": picked and picked.summary,
        "draft": said.draft,
        "findings": _texts(said.findings),
    }
    return {"for": "objections", **about, "reason": said.explanation and said.explanation.text}, answers.Critique


def _texts(statements: tuple[Any, ...]) -> list[str]:
    return [statement.text for statement in statements]


_ASKED = {
    "supervisor": _handoff,
    "triage": _triage,
    "investigator": _lookups,
    "resolver": _choice,
    "comms": _draft,
    "critic": _critique,
}
