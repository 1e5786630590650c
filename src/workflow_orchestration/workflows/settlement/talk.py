"""How agents talk about a case, as pure functions: whose turn may be next, and what an answer makes of the talk.

The graph, a replay of a recorded case and the tests all go by these. Code keeps the chair: it says who may be handed
the case, what may be picked, and when there has been talk enough.
"""

from __future__ import annotations

from typing import assert_never

from workflow_orchestration.domain import judging
from workflow_orchestration.domain.answers import (
    Agent,
    Choice,
    Claim,
    Critique,
    Draft,
    Findings,
    Handoff,
    Lookups,
    Next,
    Triage,
)
from workflow_orchestration.domain.commentary import Commentary, Statement
from workflow_orchestration.domain.judging import Answer, View
from workflow_orchestration.workflows.settlement.state import Looked, Talk

#: Hand-offs of one talk; who needs more has lost the thread, and a supervisor takes over.
MAX_HOPS = 12
#: A resolver whose answers are refused is not asked for ever: code has a proposal of its own.
_TRIES = 2
#: Whom code hands the case to where the supervisor says nothing of use: whoever is nearest to the end.
_TO_THE_END: tuple[Next, ...] = ("done", "critic", "resolver", "triage")
#: Of a refused critique: that it objects is shown, its words are not.
_UNSPOKEN = "The critic objects; its words did not pass the rules and are not shown."


def offered(talk: Talk, *, drafts: bool) -> tuple[Next, ...]:
    """To whom the case may be handed now. `drafts`: the picked action has a text for an agent to draft."""
    if "triage" not in talk.spoken:
        return ("triage",)
    picked, criticised = talk.action is not None, talk.agrees is not None
    following: dict[Next, bool] = {
        "resolver": (not picked or bool(talk.objections)) and talk.dropped.count("resolver") < _TRIES,
        "comms": picked and drafts and talk.draft is None,
        "critic": picked and not criticised,
        "done": criticised if picked else "resolver" in talk.spoken,
        "investigator": True,
    }
    return tuple(agent for agent, has_a_turn in following.items() if has_a_turn)


def handed_on(talk: Talk, to: Next) -> Talk:
    """The case goes to the next agent, to the end of the talk, or to a person when that never comes."""
    if to == "done":
        return talk.model_copy(update={"turn": None})
    if talk.hops >= MAX_HOPS:
        return talk.model_copy(update={"turn": None, "lost": True})
    return talk.model_copy(update={"turn": to, "hops": talk.hops + 1})


def degraded(talk: Talk, why: str) -> Talk:
    """No opinion to the end: what was said so far is not followed either."""
    return Talk(on=True, shadow=talk.shadow, hops=talk.hops, refused=talk.refused, degraded=why)


def heard(talk: Talk, agent: Agent, view: View, answer: Answer) -> tuple[Talk, dict[str, str]]:
    """The talk after an answer, and the rules that refused it: then nothing of it is used."""
    refusals = judging.judge(view, answer)
    spoken = tuple(dict.fromkeys((*talk.spoken, agent)))
    if not refusals:
        return _taken(talk, view, answer).model_copy(update={"spoken": spoken}), {}
    refused = (*talk.refused, *(f"{agent}: {rule}" for rule in refusals))
    update = {"spoken": spoken, "refused": refused, "dropped": (*talk.dropped, agent)}
    return _dropped(talk, view, answer).model_copy(update=update), refusals


def _taken(talk: Talk, view: View, answer: Answer) -> Talk:
    match answer:
        case Handoff(next_agent=to):
            return handed_on(talk, to)
        case Triage():
            said = Statement(text=answer.explanation, evidence=answer.evidence_refs)
            update = {"root_cause": answer.root_cause, "fault_side": answer.fault_side, "explanation": said}
        case Lookups(tools=tools):
            update = {"wanted": tuple(dict.fromkeys(tools)), "round": talk.round + 1}
        case Findings(findings=claims):
            update = {"findings": tuple(dict.fromkeys((*talk.findings, *_statements(claims))))[:8]}
        case Choice():
            said = Statement(text=answer.rationale, evidence=answer.evidence_refs)
            update = {"action": answer.action, "explanation": said, "draft": None, "agrees": None, "objections": ()}
        case Draft():
            update = {"draft": judging.fill(answer, view.slots)}
        case Critique():
            update = {"agrees": answer.agree, "objections": _statements(answer.objections)}
        case _:
            assert_never(answer)
    return talk.model_copy(update=update)


def _dropped(talk: Talk, view: View, answer: Answer) -> Talk:
    """What a refused answer leaves. An objection is never lost, whatever became of its words; and a case
    is handed on whatever the supervisor says."""
    match answer:
        case Handoff():
            return handed_on(talk, next(agent for agent in _TO_THE_END if agent in view.offered))
        case Critique(agree=agrees, objections=objections) if not agrees or objections:
            return talk.model_copy(update={"agrees": False, "objections": (Statement(text=_UNSPOKEN, evidence=()),)})
        case Lookups():
            return talk.model_copy(update={"wanted": ()})
        case _:
            return talk


def _statements(claims: tuple[Claim, ...]) -> tuple[Statement, ...]:
    return tuple(Statement(text=claim.claim, evidence=claim.evidence_refs) for claim in claims)


def commentary(talk: Talk, looked: Looked, code_cause: str, *, followed: bool) -> Commentary:
    """What people are shown of the talk. `followed`: the action proposed is the one an agent picked."""
    said = Commentary(
        chosen_by="agent" if followed else "code",
        explanation=talk.explanation if followed or talk.action is None else None,
        other_cause=talk.root_cause if talk.root_cause not in (None, code_cause) else None,
        findings=talk.findings,
        agrees=talk.agrees if followed else None,
        objections=talk.objections if followed else (),
        degraded=talk.degraded or (f"Agents found no end in {MAX_HOPS} hand-offs." if talk.lost else None),
        refused=talk.refused,
    )
    cited = {ref for statement in said.statements() for ref in statement.evidence}
    return said.model_copy(update={"evidence": tuple(e for e in looked.evidence() if e.id in cited)})
