"""The proof in small: fifty cases against an adversary that does everything wrong now and then, judged from outside.

And its own proof: with any one rule switched off, the same judge shows a breach.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from tests.adversary import playing
from tests.adversary.cases import Case
from tests.adversary.checker import Tally
from tests.adversary.mixture import MIXTURE, MOODS
from tests.adversary.server import MODEL, Adversary
from tests.failure.harness.driver import Api
from tests.integration.api.live import KEY, running, settings_for
from tests.platform import platform
from workflow_orchestration.domain import injection, judging
from workflow_orchestration.workflows.settlement import consult, proposing, talk

CASES = 50


@pytest.fixture
def prove(database, tmp_path) -> Callable:
    @contextlib.asynccontextmanager
    async def site(model: Adversary) -> AsyncIterator[Api]:
        outbox = f"file:{tmp_path / 'outbox'}"
        api_settings = settings_for(database.api, tmp_path, effects_url=outbox, local_issuer_key=KEY)
        async with model.serving() as url:
            options = {"llm_base_url": url, "llm_model": MODEL, "llm_breaker_seconds": 0.5, "worker_concurrency": 8}
            async with platform(database.worker, tmp_path, **options):
                with running(api_settings) as live:
                    api = Api([live.url], KEY)
                    try:
                        yield api
                    finally:
                        await api.close()

    async def run(model: Adversary, cases: list[Case], *, patience: float = 60) -> Tally:
        tally = Tally()
        async with site(model) as api:
            await playing.load(api, cases)
            outbox = tmp_path / "outbox"
            await playing.play(api, cases, outbox, seed=7, at_once=8, patience=patience, tally=tally)
        return tally

    return run


@pytest.mark.slow
async def test_fifty_cases_break_no_rule_and_all_end_or_wait_for_a_person(prove):
    tally = await prove(Adversary(MIXTURE, seed=7, moods=MOODS, stall=1.0), [Case(n) for n in range(CASES)])
    assert not tally.breaches, "\n".join(map(str, tally.breaches))
    assert tally.cases == CASES
    assert tally.by_agent >= CASES * 0.3
    assert tally.refusals.keys() >= {"V10", "CITED", "HANDOFF"}


def off(name: str) -> Callable:
    return lambda patch: patch.delitem(judging.RULES, name)


def no_grounding(patch) -> None:
    patch.setattr(judging, "loose", lambda *_: None)


def no_suspicion(patch) -> None:
    patch.setattr(injection, "suspected", lambda _texts: ())


def no_bound(patch) -> None:
    patch.setattr(talk, "MAX_HOPS", 40)


def critic_hidden(patch) -> None:
    shown = talk.commentary
    patch.setattr(proposing.talking, "commentary", lambda *a, **k: shown(*a, **k).model_copy(update={"objections": ()}))


def no_fallback(patch) -> None:
    """Placeholders that nothing fills go to the filler all the same."""
    patch.delitem(judging.RULES, "SLOTS")


#: All but the supervisor do as they are told; what it does is drawn anew each time.
HONEST = dict.fromkeys(("Triage", "Lookups", "Findings", "Draft", "Critique"), "honest")
#: Rule -> how it is switched off, what the adversary does, and the check that shows it.
SWITCHED_OFF = {
    "V10": (no_grounding, {"Choice": "lies-about-amounts", "Triage": "invents-accounts"}, "V10"),
    "CITED": (off("CITED"), {"Triage": "cites-nothing"}, "CITED"),
    "V11": (off("V11"), {"Choice": "picks-forbidden"}, "V11"),
    "V15": (off("V15"), {"Triage": "obeys-injection", "Choice": "obeys-injection"}, "V15"),
    "injection": (no_suspicion, {}, "V15"),
    "HANDOFF": (off("HANDOFF"), {**HONEST, "Choice": "repeats"}, "CRITIC"),
    "CAUSE": (off("CAUSE"), {"Triage": "picks-forbidden"}, "CAUSE"),
    "SLOTS": (no_fallback, {"Draft": "invents-accounts", "Choice": "repeats"}, "ENDS"),
    "HOPS": (no_bound, {"Handoff": "digresses"}, "HOPS"),
    "CRITIC": (critic_hidden, {"Critique": "objects", "Choice": "repeats"}, "CRITIC"),
}


@pytest.mark.slow
@pytest.mark.parametrize("rule", SWITCHED_OFF)
async def test_with_a_rule_switched_off_the_judge_shows_a_breach(prove, monkeypatch, rule):
    switch, behaviours, check = SWITCHED_OFF[rule]
    switch(monkeypatch)
    # a talk without a bound is dozens of questions: few cases show it
    cases = [Case(n) for n in {"V15": (3, 7, 11, 15, 19), "HOPS": (0, 20, 40)}.get(check, range(0, 60, 5))]
    otherwise = {"honest": 1.0, "picks-forbidden": 1.0} if rule == "HANDOFF" else {"honest": 1.0}
    patience = 25 if check == "ENDS" else 120  # what ends nowhere is seen once this is over; all else long before
    tally = await prove(Adversary(otherwise, seed=5, by_schema=behaviours), cases, patience=patience)
    assert check in {breach.rule for breach in tally.breaches}


def test_every_rule_can_be_switched_off():
    assert set(judging.RULES) <= SWITCHED_OFF.keys()
    assert consult.DRAFTED == "note"
