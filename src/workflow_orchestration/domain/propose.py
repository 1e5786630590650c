"""From findings to one proposal, complete and hashed: what people see, approve and get, to the byte.

The hash covers action, parameters, diff, evidence, steps with their texts, and the answers of the validators
that gate the proposal. Ids, tier and times are outside: they may differ between two tellings of the same thing.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from workflow_orchestration.domain import cases, exposure, injection, playbook, tiers, validators
from workflow_orchestration.domain.actions import ACTIONS
from workflow_orchestration.domain.actions.base import Action, Assessment, Params, Step
from workflow_orchestration.domain.book import Row
from workflow_orchestration.domain.canonical import canonical, plain, sha256
from workflow_orchestration.domain.commentary import Commentary
from workflow_orchestration.domain.diff import money
from workflow_orchestration.domain.errors import InvalidRequest
from workflow_orchestration.domain.facts import DiffRow, Evidence, Facts, Outcome, Tier
from workflow_orchestration.domain.records import MessageItem, Record

_MAX_ALTERNATIVES = 2


class Proposal(Record):
    """One action for one case, as people are shown it."""

    action: str
    #: JSON form of the action's parameters.
    params: dict[str, Any]
    tier: Tier
    #: Why the tier is above the action's own.
    tier_reasons: tuple[str, ...]
    #: What is asked of people, at most 400 characters.
    summary: str
    #: Why: cause, fault and notes, for people.
    rationale: str
    diff: tuple[DiffRow, ...]
    evidence: tuple[Evidence, ...]
    steps: tuple[Step, ...]
    #: All answers at the proposal stage; `ACTIONS[action].gates` says which can block.
    outcomes: tuple[Outcome, ...]
    #: At most two other actions that fit, by name.
    alternatives: tuple[str, ...]
    #: "EUR 12.35", or None when it cannot be computed.
    penalty_per_day: str | None
    payload_hash: str
    #: What agents said of it; None where no model is configured.
    commentary: Commentary | None = None

    def blocked_by(self) -> tuple[Outcome, ...]:
        """Gating answers that forbid approval; what needs nobody (T0) is not approved and not forbidden by them."""
        gates = gates_at_proposal(ACTIONS[self.action], self.commentary)
        return () if self.tier is Tier.T0 else validators.blocking(self.outcomes, gates)


def gates_at_proposal(action: Action, commentary: Commentary | None) -> tuple[str, ...]:
    """The action's own gates; a model's text beside it is gated too."""
    return action.gates["proposal"] if commentary is None else (*action.gates["proposal"], "V10")


def propose(facts: Facts, assessment: Assessment, commentary: Commentary | None = None) -> Proposal:
    """The first action that fits and nobody rejected; TASK when none is left."""
    names = playbook.candidates(assessment)
    found = [built for name in names if (built := _try(facts, assessment, name, commentary))]
    fresh = [built for built in found if built.action not in facts.rejected] or found[-1:]
    others = tuple(built.action for built in fresh[1 : 1 + _MAX_ALTERNATIVES])
    return fresh[0].model_copy(update={"alternatives": others})


def options(facts: Facts, assessment: Assessment) -> dict[str, Proposal]:
    """Every action that may be taken here and now, complete, code's own first: what an agent may choose from.

    Whatever an agent picks comes before a person, to approve or as a task: it cannot make a case wait by itself.
    """
    names = dict.fromkeys((*playbook.candidates(assessment), *sorted(playbook.allowed(assessment))))
    found = [built for name in names if (built := _try(facts, assessment, name)) and name not in facts.rejected]
    own = found[:1]
    return {one.action: one for one in found if not one.blocked_by() and (one in own or _meets_a_person(one))}


def _meets_a_person(built: Proposal) -> bool:
    return built.tier is not Tier.T0 or any(step.kind == "task" for step in built.steps)


def rebuild(
    facts: Facts, assessment: Assessment, action: str, params: dict[str, Any], commentary: Commentary | None = None
) -> Proposal:
    """The proposal that an edit, or a choice, makes. `params` holds what changes; only `editable` ones may differ."""
    chosen = ACTIONS.get(action)
    if chosen is None or action not in playbook.allowed(assessment):
        fitting = ", ".join(sorted(playbook.allowed(assessment)))
        raise InvalidRequest(f"{action} cannot be taken for {assessment.root_cause}.", fix=f"Choose one of: {fitting}.")
    computed = chosen.propose(facts, assessment)
    if computed is None:
        raise InvalidRequest(f"{action} does not fit this case: what it needs is not on file.")
    edited = valid_params(chosen, {**plain(computed), **params})
    _only_editable(chosen, computed, edited)
    return _build(facts, assessment, chosen, edited, commentary)


def _try(facts: Facts, assessment: Assessment, name: str, commentary: Commentary | None = None) -> Proposal | None:
    """None when the action does not fit, or its message cannot be written from what the book says."""
    params = ACTIONS[name].propose(facts, assessment)
    if params is None:
        return None
    try:
        return _build(facts, assessment, ACTIONS[name], params, commentary)
    except InvalidRequest:
        return None


def valid_params(action: Action, params: dict[str, Any]) -> Params:
    """Parameters by the action's own schema; InvalidRequest names each field that is wrong."""
    try:
        return action.params.model_validate(params)
    except ValidationError as error:
        errors = [{"field": ".".join(map(str, e["loc"])), "cause": e["msg"]} for e in error.errors(include_url=False)]
        named = "; ".join(f"{e['field']}: {e['cause']}" for e in errors)
        raise InvalidRequest(f"The parameters of {action.name} are wrong: {named}.", errors=errors) from error


def _only_editable(action: Action, computed: Params, edited: Params) -> None:
    before, after = computed.model_dump(), edited.model_dump()
    frozen = [name for name in before if before[name] != after[name] and name not in action.editable]
    if frozen:
        allowed = ", ".join(action.editable) or "none"
        raise InvalidRequest(
            f"{frozen[0]} of {action.name} may not be edited: code fills it from the evidence.",
            fix=f"Edit only: {allowed}.",
            errors=[{"field": name, "cause": "not editable"} for name in frozen],
        )


def _build(
    facts: Facts, assessment: Assessment, action: Action, params: Params, commentary: Commentary | None
) -> Proposal:
    steps = action.steps(facts, params)
    replacement = action.replacement(facts, params)
    raised = tiers.raised(action.tier(facts, assessment, params), facts, assessment, cancels=replacement is not None)
    shown = talked_about(facts, assessment)
    evidence = _with_cited(gather_evidence(facts, action.rests_on), shown, commentary)
    context = validators.Context(
        facts=facts, assessment=assessment, action=action.name, params=plain(params), tier=raised.tier,
        diff=action.diff(facts, assessment, params), steps=steps, replacement=replacement, commentary=commentary,
        evidence={e.id: grounds(e, facts) for e in (*shown, *evidence)},
    )  # fmt: skip
    outcomes = validators.run(validators.AT_PROPOSAL, context)
    daily = exposure.penalty_per_day(facts, assessment.root_cause)
    return Proposal(
        action=action.name, params=context.params, tier=raised.tier, tier_reasons=raised.reasons,
        summary=action.show(facts, params), rationale=_rationale(assessment, action), diff=context.diff,
        evidence=evidence, steps=steps, outcomes=outcomes, alternatives=(), penalty_per_day=money(daily),
        payload_hash=payload_hash(context, evidence, outcomes, gates=gates_at_proposal(action, commentary)),
        commentary=commentary,
    )  # fmt: skip


def _with_cited(
    own: tuple[Evidence, ...], shown: tuple[Evidence, ...], commentary: Commentary | None
) -> tuple[Evidence, ...]:
    """The action's evidence, and what agents cite beside it: people see whatever a statement rests on."""
    cited = {ref for said in commentary.statements() for ref in said.evidence} if commentary else set()
    known = {e.id for e in own}
    return (*own, *(e for e in shown if e.id in cited - known))


def _rationale(assessment: Assessment, action: Action) -> str:
    notes = "".join(f"\n- {note}" for note in assessment.notes)
    return f"{assessment.root_cause}, fault {assessment.fault_side}. {action.about}{notes}"


def payload_hash(
    context: validators.Context,
    evidence: tuple[Evidence, ...],
    outcomes: tuple[Outcome, ...],
    *,
    gates: tuple[str, ...],
) -> str:
    """What an approval is bound to."""
    return sha256(
        {
            "action": context.action,
            "params": context.params,
            "diff": context.diff,
            "evidence": [{"source": e.source, "excerpt": e.excerpt, "sha256": e.sha256} for e in evidence],
            "steps": context.steps,
            "gates": [(o.validator, o.version, o.outcome) for o in outcomes if o.validator in gates],
            **({"commentary": context.commentary} if context.commentary else {}),
        }
    )


def gather_evidence(facts: Facts, rests_on: tuple[str, ...]) -> tuple[Evidence, ...]:
    """The newest message of each kind, and the book rows the action rests on, with their versions.

    Ids are what diff rows cite: trade, instruction, allegement; a message copy of our instruction is `instruction`
    only where the book has none.
    """
    newest = [facts.latest(kind) for kind in ("status", "confirmation", "allegement", "instruction")]
    named = [_of_item(facts, item) for item in newest if item is not None]
    rows = [(name, getattr(facts, name)) for name in rests_on]
    return (*named, *(_of_row(facts, name, row) for name, row in rows if row is not None))


#: Book rows that agents are shown before they look up anything.
_TALKED_ABOUT = ("trade", "instruction", "contact")


def talked_about(facts: Facts, assessment: Assessment) -> tuple[Evidence, ...]:
    """What agents are shown of a case and may cite: its messages, its book rows, and what code found."""
    found = canonical(assessment).decode()
    own = Evidence(id="findings", source="computed by code", excerpt=found, sha256=sha256(found.encode()))
    return (*gather_evidence(facts, _TALKED_ABOUT), own)


def grounds(evidence: Evidence, facts: Facts) -> str:
    """The words that a text may take its facts from. What a suspicious narrative states is nobody's fact."""
    written = [text for item in facts.items for text in injection.free_texts(item)]
    excerpt = injection.without(evidence.excerpt, written) if injection.suspected(written) else evidence.excerpt
    return f"{evidence.source}\n{excerpt}"


def _of_item(facts: Facts, newest: MessageItem) -> Evidence:
    item = cases.first_said(facts.items, newest)
    copied = item.kind == "instruction" and facts.instruction is not None
    lines = f"lines {item.source.first_line}-{item.source.last_line}"
    return Evidence(
        id="copy" if copied else item.kind,
        source=f"MT{item.message_type} {item.sender_ref} {lines}",
        excerpt=item.source.excerpt,
        sha256=sha256(item.source.excerpt.encode()),
    )


def _of_row(facts: Facts, name: str, row: Row) -> Evidence:
    key = f"{row.kind}/{row.key}"
    version = facts.book_versions.get(key)
    known = f"version {version}" if version is not None else "version not recorded"
    excerpt = canonical(row).decode()
    return Evidence(
        id=name, source=f"book {row.kind} {row.key} {known}", excerpt=excerpt, sha256=sha256(excerpt.encode())
    )
