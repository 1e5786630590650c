"""The rules that an agent's answer must pass before anything is made of it. One that fails any is dropped whole.

An agent chooses and explains; it decides nothing. So a refusal costs an opinion and never a case: what code computed
stands. `RULES` is the complete list.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from workflow_orchestration.domain import grounding, injection
from workflow_orchestration.domain.answers import (
    CAUSES,
    Choice,
    Critique,
    Draft,
    Findings,
    Handoff,
    Lookups,
    Next,
    Triage,
)

Answer = Handoff | Triage | Lookups | Findings | Choice | Draft | Critique
#: Why an answer is refused, in words that repeat none of it; None: the rule has nothing against it.
Rule = Callable[["View", Answer], str | None]
SLOT = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True)
class View:
    """What the agent was shown and offered: what its answer is held against."""

    #: Words of each piece of evidence, by id.
    evidence: Mapping[str, str] = field(default_factory=dict)
    #: Actions that code computed as admissible here and now.
    options: Sequence[str] = ()
    #: Whom the supervisor may hand the case to.
    offered: Sequence[Next] = ()
    #: Placeholders of a draft -> what code fills in.
    slots: Mapping[str, str] = field(default_factory=dict)
    #: A narrative of this case reads like an instruction.
    suspected: bool = False


def judge(view: View, answer: Answer) -> dict[str, str]:
    """Every rule that refuses the answer, with why; empty: it may be used."""
    found = ((name, rule(view, answer)) for name, rule in RULES.items())
    return {name: why for name, why in found if why is not None}


def statements(answer: Answer) -> tuple[tuple[str, tuple[str, ...] | None], ...]:
    """Each text of an answer with the evidence it cites; None: it need not cite, and all evidence counts."""
    match answer:
        case Handoff(reason=text):
            return ((text, None),)
        case Triage(explanation=text, evidence_refs=refs) | Choice(rationale=text, evidence_refs=refs):
            return ((text, refs),)
        case Findings(findings=claims) | Critique(objections=claims):
            return tuple((claim.claim, claim.evidence_refs) for claim in claims)
        case Draft(body=text):
            return ((SLOT.sub("", text), ()),)
        case Lookups():
            return ()
        case _:
            assert_never(answer)


def loose(text: str, refs: Sequence[str] | None, evidence: Mapping[str, str]) -> str | None:
    """V10 for one text: how many facts it states that the evidence it cites does not."""
    cited = list(evidence.values()) if refs is None else [evidence[ref] for ref in refs if ref in evidence]
    found = grounding.unsupported(text, cited)
    return f"it states {len(found)} facts that the evidence it cites does not" if found else None


def _cited(view: View, answer: Answer) -> str | None:
    missing = [ref for _, refs in statements(answer) for ref in refs or () if ref not in view.evidence]
    return f"it cites {len(missing)} pieces of evidence that it was not shown" if missing else None


def _grounded(view: View, answer: Answer) -> str | None:
    return next((fault for text, refs in statements(answer) if (fault := loose(text, refs, view.evidence))), None)


def _admissible(view: View, answer: Answer) -> str | None:
    chosen = (answer.action, *answer.alternatives) if isinstance(answer, Choice) else ()
    wrong = [action for action in chosen if action not in view.options]
    return f"it picks {', '.join(wrong)}, which may not be taken here" if wrong else None


def _obeys_nobody(view: View, answer: Answer) -> str | None:
    if isinstance(answer, Draft) and view.suspected:
        return "no drafted text leaves a case whose narrative reads like an instruction"
    found = injection.suspected(text for text, _ in statements(answer))
    return f"it reads like an instruction: {', '.join(found)}" if found else None


def _handed_on(view: View, answer: Answer) -> str | None:
    if isinstance(answer, Handoff) and answer.next_agent not in view.offered:
        return f"it hands the case to {answer.next_agent}, who has no turn now"
    return None


def _known_cause(view: View, answer: Answer) -> str | None:
    if isinstance(answer, Triage) and answer.root_cause not in CAUSES:
        return "it names a root cause that does not exist"
    return None


def _fillable(view: View, answer: Answer) -> str | None:
    named = SLOT.findall(answer.body) if isinstance(answer, Draft) else []
    unknown = [name for name in named if name not in view.slots]
    left = isinstance(answer, Draft) and re.search(r"[{}]", SLOT.sub("", answer.body)) is not None
    return "it has a placeholder that nothing on file fills" if unknown or left else None


RULES: dict[str, Rule] = {
    "CITED": _cited,
    "V10": _grounded,
    "V11": _admissible,
    "V15": _obeys_nobody,
    "HANDOFF": _handed_on,
    "CAUSE": _known_cause,
    "SLOTS": _fillable,
}


def fill(draft: Draft, slots: Mapping[str, str]) -> str:
    """The draft with every placeholder filled by code."""
    return SLOT.sub(lambda found: slots[found[1]], draft.body)
