"""Every check and hard rule, by id. An action's `gates` name those that can block it; all are shown."""

from __future__ import annotations

from collections.abc import Iterable

from workflow_orchestration.domain.facts import Outcome
from workflow_orchestration.domain.validators import conduct, data, rules
from workflow_orchestration.domain.validators.base import Context, Validator

__all__ = ["AT_PROPOSAL", "VALIDATORS", "Context", "Validator", "blocking", "run"]

VALIDATORS: dict[str, Validator] = {
    validator.id: validator
    for validator in (
        Validator("V01", "1", "Message structure", data.structure),
        Validator("V02", "1", "Check digits of ISINs, form of BICs", data.identifiers),
        Validator("V03", "1", "Currency exists, decimals fit", data.currency),
        Validator("V04", "1", "Dates in order, settlement on a business day", data.dates),
        Validator("V05", "1", "Quantity x price is the amount", data.arithmetic),
        Validator("V06", "1", "Amounts and quantities above zero", data.positive),
        Validator("V07", "1", "No duplicate", data.duplicates),
        Validator("V08", "1", "A cut-off still serves the action", conduct.cutoff),
        Validator("V09", "1", "Sanctions screening", conduct.screening),
        Validator("V10", "1", "Model text grounded in evidence", conduct.grounding),
        Validator("V11", "1", "Action suits cause and state", conduct.in_enum),
        Validator("V12", "1", "Segregation of duties", conduct.segregation),
        Validator("V13", "1", "Status fresh and unchanged", conduct.freshness),
        Validator("V14", "1", "Approved is what is done", conduct.same_hash),
        Validator("V15", "1", "Outside text is data", conduct.outside_text),
        Validator("W1-R1", "1", "Economics follow the booked trade", rules.follows_trade),
        Validator("W1-R2", "1", "No one-sided cancel of a match", rules.not_matched),
        Validator("W1-R3", "1", "Not after settlement or cancellation", rules.still_open),
        Validator("W1-R4", "1", "Release only with stock or cash", rules.covered),
        Validator("W1-R5", "1", "Partial agreed, in whole lots", rules.partial_agreed),
        Validator("W1-R6", "1", "Replacement differs in approved fields only", rules.only_approved_fields),
        Validator("W1-R7", "1", "Few chasers, to the contact on file", rules.chases_left),
        Validator("W1-R8", "1", "Legal stop", rules.no_legal_stop),
        Validator("W1-R9", "1", "Parties stay as they are", rules.parties_untouched),
    )
}

#: Shown with a proposal; V12 and V14 have their answer only when somebody decides.
AT_PROPOSAL: tuple[str, ...] = tuple(name for name in VALIDATORS if name not in ("V12", "V14"))


def run(ids: Iterable[str], context: Context) -> tuple[Outcome, ...]:
    """The answers in the order asked; an id that does not exist is a programming error."""
    return tuple(VALIDATORS[name].run(context) for name in ids)


def blocking(outcomes: Iterable[Outcome], gates: Iterable[str]) -> tuple[Outcome, ...]:
    """Those that forbid it: a gating FAIL, or a gating check that could not be made."""
    gating = frozenset(gates)
    return tuple(o for o in outcomes if o.validator in gating and o.outcome in ("FAIL", "NOT_RUN"))
