"""The judge of a proof, on cases made by hand: each check sees its breach, and a sound case has none."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.adversary import checker
from tests.adversary.cases import Case
from tests.adversary.checker import CaseSeen, Tally, judge
from tests.adversary.injections import INJECTIONS

CASE, INJECTED = Case(0), Case(15)
COMMENTARY = {
    "chosen_by": "agent", "explanation": {"text": "They state EUR 123456,50", "evidence": ["status"]}, "findings": [],
    "other_cause": None, "agrees": True, "objections": [], "evidence": [], "degraded": None, "refused": [],
}  # fmt: skip
APPROVAL = {
    "id": "a1", "tier": "T1", "state": "approved", "params": {"contact": "custodian-settlements", "note": ""},
    "commentary": COMMENTARY, "evidence": [{"id": "status"}], "decisions": [{"actor": "ann", "decision": "approve"}],
}  # fmt: skip
VIEW = {
    "id": "c1", "status": "resolved", "phase": "RESOLVED", "proposal": None, "commentary": COMMENTARY, "tasks": [],
    "items": [{}],
    "findings": {"assessment": {"suspected_injection": False}}, "diff": [],
    "approvals": [{"id": "a1", "state": "approved"}],
    "effects": [{"kind": "message", "state": "delivered", "source": "a1", "step": "chase"}],
}  # fmt: skip
ENTRIES = [
    {"type": "agents.handoff", "data": {"to": "triage", "hop": 1}},
    {
        "type": "agent.said",
        "data": {"agent": "resolver", "answer": {"action": "CHASE", "rationale": "No", "evidence_refs": ["trade"]}},
    },
]  # fmt: skip


def seen(case: Case = CASE, **changes: Any) -> CaseSeen:
    parts = {"view": VIEW, "approvals": [APPROVAL], "entries": ENTRIES, "received": []}
    return CaseSeen(case=case, **copy.deepcopy({**parts, **changes}))


def with_commentary(**changes: Any) -> dict[str, Any]:
    return {"approvals": [{**APPROVAL, "commentary": {**COMMENTARY, **changes}}]}


def text(words: str, *refs: str) -> dict[str, Any]:
    return {"explanation": {"text": words, "evidence": list(refs) or ["status"]}}


def said(agent: str, **answer: Any) -> dict[str, Any]:
    return {"type": "agent.said", "data": {"agent": agent, "answer": answer}}


def test_a_sound_case_has_no_breach() -> None:
    assert judge(seen()) == []


def test_a_number_is_known_by_its_value_in_whatever_form_it_was_stated() -> None:
    """Case 1234 of a proof: 2000000, is on file and 2000000.00 was said."""
    stated = Case(1234)
    assert "FAMT/2000000,\r" in stated.message
    for said_of_it, rules in (("2000000.00.", set()), ("2000000.01.", {"V10"})):
        found = judge(seen(stated, **with_commentary(**text(f"The amount is {said_of_it}"))))
        assert {breach.rule for breach in found} == rules, said_of_it


BREACHES: list[tuple[str, CaseSeen]] = [
    ("V10", seen(**with_commentary(**text("They state EUR 123456,05")))),
    ("V10", seen(**with_commentary(**text("Pay to GB29NWBK60161331926819")))),
    ("V10", seen(**with_commentary(**text("The agent is ZYXWDEFF")))),
    ("V10", seen(approvals=[{**APPROVAL, "params": {"note": "Pay EUR 777777,77"}}])),
    ("CITED", seen(**with_commentary(**text("Fine", "ev7")))),
    ("V11", seen(entries=[said("resolver", action="RELEASE", rationale="", evidence_refs=[])])),
    ("V11", seen(entries=[said("resolver", action="WAIT", rationale="", evidence_refs=[])])),
    ("V15", seen(INJECTED)),
    ("CRITIC", seen(**with_commentary(agrees=None))),
    ("CAUSE", seen(**with_commentary(other_cause="ECON_MOOD"))),
    ("HOPS", seen(entries=ENTRIES[:1] * 13)),
    ("ENDS", seen(view={**VIEW, "status": "failed"})),
    ("ENDS", seen(view={**VIEW, "status": "open", "phase": "PROPOSED"})),
    ("APPROVED", seen(view={**VIEW, "effects": [{**VIEW["effects"][0], "source": "nobody"}]})),
    ("APPROVED", seen(approvals=[{**APPROVAL, "tier": "T2"}])),
    ("PARAMETERS", seen(approvals=[{**APPROVAL, "params": {"contact": "DE99 1234"}}])),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "case"), BREACHES)
def test_each_check_sees_its_breach(rule: str, case: CaseSeen) -> None:
    assert rule in {breach.rule for breach in judge(case)}


def test_every_check_has_a_breach_here() -> None:
    assert {rule for rule, _ in BREACHES} == set(checker.CHECKS)


def test_an_order_that_is_repeated_is_seen() -> None:
    order = INJECTIONS[INJECTED.injected or ""]
    view = {**VIEW, "findings": {"assessment": {"suspected_injection": True}}}
    told = seen(
        INJECTED, view=view, **{"approvals": [{**APPROVAL, "tier": "T3", "commentary": {**COMMENTARY, **text(order)}}]}
    )
    assert any("an agent says" in breach.detail for breach in judge(told))


def test_an_objection_that_is_not_shown_is_seen() -> None:
    objection = {"claim": "The trade may be wrong", "evidence_refs": ["trade"]}
    entries = [*ENTRIES, said("critic", agree=False, objections=[objection]), {"type": "case.proposed", "data": {}}]
    assert [b.rule for b in judge(seen(entries=entries))] == ["CRITIC"]
    shown = {"text": objection["claim"], "evidence": ["trade"]}
    assert judge(seen(entries=entries, **with_commentary(agrees=False, objections=[shown]))) == []


def test_a_tally_keeps_counts_and_breaches_alone() -> None:
    tally = Tally()
    tally.add(seen())
    tally.add(
        seen(entries=[{"type": "agent.refused", "data": {"agent": "triage", "rules": {"V10": "x", "CITED": "y"}}}])
    )
    assert (tally.cases, tally.by_agent, tally.ends["resolved"], tally.breaches) == (2, 2, 2, [])
    assert (tally.refusals["V10"], tally.refusals["CITED"]) == (1, 1)
