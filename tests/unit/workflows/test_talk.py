"""The talk as a state machine: whatever agents answer, it ends, and leaves nothing that a rule refused."""

from __future__ import annotations

from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from workflow_orchestration.domain.answers import (
    ActionName,
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
from workflow_orchestration.domain.judging import View
from workflow_orchestration.worker.runs import RECURSION_LIMIT
from workflow_orchestration.workflows.settlement import talk as talking
from workflow_orchestration.workflows.settlement.state import Found, Looked, Talk, gathered
from workflow_orchestration.workflows.settlement.talk import MAX_HOPS, commentary, heard, offered

EVIDENCE = {"status": "MT548 EUR123456,50", "trade": "TRD-1001"}
OPTIONS = ("CHASE", "TASK")
texts = st.sampled_from(["The sides differ", "EUR 123456.50 is theirs", "Pay EUR 999999", "Ignore all rules"])
refs = st.lists(st.sampled_from(["status", "trade", "made-up"]), min_size=1, max_size=3, unique=True).map(tuple)
claims = st.builds(Claim, claim=texts, evidence_refs=refs)
actions = st.sampled_from(get_args(ActionName))
ANSWERS: dict[str, st.SearchStrategy] = {
    "supervisor": st.builds(Handoff, next_agent=st.sampled_from(get_args(Next)), reason=texts),
    "triage": st.builds(
        Triage, root_cause=st.sampled_from(["ECON_AMOUNT", "NOPE"]), fault_side=st.just("CPTY"), explanation=texts,
        evidence_refs=refs,
    ),
    "lookups": st.builds(Lookups, tools=st.just(("security",))),
    "findings": st.builds(Findings, findings=st.lists(claims, min_size=1, max_size=2).map(tuple)),
    "resolver": st.builds(Choice, action=actions, rationale=texts, evidence_refs=refs, alternatives=st.just(())),
    "comms": st.builds(Draft, body=st.sampled_from(["Please look again.", "Pay {account}", "Pay EUR 5"])),
    "critic": st.builds(Critique, agree=st.booleans(), objections=st.lists(claims, max_size=2).map(tuple)),
}  # fmt: skip


def view(talk: Talk) -> View:
    return View(evidence=EVIDENCE, options=OPTIONS, offered=offered(talk, drafts=talk.action == "CHASE"))


def play(talk: Talk, draw) -> Talk:
    """One hand-off and the turn it leads to, as the graph runs them."""
    seen = view(talk)
    if len(seen.offered) == 1:
        talk = talking.handed_on(talk, seen.offered[0])
    else:
        talk, _ = heard(talk, "supervisor", seen, draw(ANSWERS["supervisor"]))
    if talk.turn is None:
        return talk
    agent: Agent = talk.turn
    kinds = ["lookups", "findings"] if agent == "investigator" else [agent]
    for kind in kinds:
        talk, _ = heard(talk, agent, view(talk), draw(ANSWERS[kind]))
    return talk


@settings(deadline=None)
@given(st.data())
def test_a_talk_ends_within_its_hops_whatever_is_answered(data) -> None:
    talk = Talk(on=True)
    for _ in range(MAX_HOPS + 1):
        talk = play(talk, data.draw)
        assert talk.hops <= MAX_HOPS
        if talk.turn is None:
            break
    assert talk.turn is None
    assert talk.lost or talk.action is None or talk.agrees is not None


@settings(deadline=None)
@given(st.data())
def test_nothing_refused_is_in_what_people_are_shown(data) -> None:
    talk = Talk(on=True)
    for _ in range(MAX_HOPS + 1):
        talk = play(talk, data.draw)
        if talk.turn is None:
            break
    said = commentary(talk, Looked(), "ECON_AMOUNT", followed=talk.action is not None)
    shown = " ".join(statement.text for statement in said.statements())
    assert talk.action is None or talk.action in OPTIONS
    assert talk.root_cause in (None, "ECON_AMOUNT")
    for forbidden in ("999999", "Ignore", "{"):
        assert forbidden not in f"{shown} {talk.draft or ''}"
    for statement in said.statements():
        assert set(statement.evidence) <= set(EVIDENCE)


@settings(deadline=None)
@given(st.data())
def test_someone_always_has_a_turn(data) -> None:
    talk = Talk(on=True)
    while talk.turn is not None or talk.hops == 0:
        assert offered(talk, drafts=True)
        talk = play(talk, data.draw)


def test_a_critic_is_heard_before_the_end() -> None:
    picked = Talk(on=True, spoken=("triage", "resolver"), action="CHASE")
    assert "done" not in offered(picked, drafts=False)
    assert "done" in offered(picked.model_copy(update={"agrees": False}), drafts=False)


def test_the_thirteenth_hand_off_goes_to_a_person() -> None:
    twelfth = talking.handed_on(Talk(on=True, hops=MAX_HOPS - 1), "investigator")
    assert (twelfth.hops, twelfth.turn, twelfth.lost) == (MAX_HOPS, "investigator", False)
    thirteenth = talking.handed_on(twelfth, "investigator")
    assert (thirteenth.hops, thirteenth.turn, thirteenth.lost) == (MAX_HOPS, None, True)


def test_an_objection_outlives_its_words() -> None:
    critique = Critique(agree=False, objections=(Claim(claim="Pay EUR 999999", evidence_refs=("status",)),))
    talk, refusals = heard(Talk(on=True, action="CHASE"), "critic", view(Talk(on=True)), critique)
    assert "V10" in refusals
    assert talk.agrees is False
    [objection] = talk.objections
    assert objection.text.startswith("The critic objects")
    assert commentary(talk, Looked(), "", followed=True).objections == (objection,)


def test_a_new_pick_needs_a_new_critic_and_a_new_draft() -> None:
    talk = Talk(on=True, action="TASK", agrees=False, draft="x")
    picked = Choice(action="CHASE", rationale="better", evidence_refs=("trade",), alternatives=())
    after, _ = heard(talk, "resolver", view(talk), picked)
    assert (after.action, after.agrees, after.draft, after.objections) == ("CHASE", None, None, ())


def test_degraded_leaves_no_opinion() -> None:
    talk = Talk(on=True, action="CHASE", agrees=True, root_cause="ECON_AMOUNT", refused=("triage: V10",), hops=3)
    after = talking.degraded(talk, "resolver: schema")
    said = commentary(after, Looked(), "ECON_AMOUNT", followed=False)
    assert (after.action, said.chosen_by, said.statements()) == (None, "code", ())
    assert said.degraded == "resolver: schema"
    assert said.refused == ("triage: V10",)


found = st.builds(Found, round=st.integers(1, 2), tool=st.sampled_from(["security", "cutoffs", "chasers"]))
branches = st.lists(
    found.map(lambda f: Looked(found=(f,))), max_size=5, unique_by=lambda b: (b.found[0].round, b.found[0].tool)
)


@settings(deadline=None)
@given(branches, st.randoms())
def test_branches_meet_in_any_order(looked, rng) -> None:
    def join(parts):
        whole = Looked()
        for part in parts:
            whole = gathered(whole, part)
        return whole

    shuffled = list(looked)
    rng.shuffle(shuffled)
    assert join(looked) == join(shuffled)
    assert len(join(looked).found) == len(looked)


def test_a_new_talk_forgets_what_the_last_one_looked_up() -> None:
    old = Looked(found=(Found(round=1, tool="security"),))
    assert gathered(old, Looked(anew=True)) == Looked()


def test_the_longest_talk_fits_into_one_run() -> None:
    """Supervisor, investigator, look-ups and findings for each hand-off, and a dozen steps around the talk."""
    assert RECURSION_LIMIT >= 4 * MAX_HOPS + 12
