"""CANCEL_REPLACE: our instruction differs from the booked trade; cancel it, then instruct what the trade says."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from workflow_orchestration.domain import book, cases, diff
from workflow_orchestration.domain.actions.base import Action, Assessment, Params, Step
from workflow_orchestration.domain.errors import InvalidRequest
from workflow_orchestration.domain.facts import DiffRow, Facts, Tier
from workflow_orchestration.domain.messages import compose

#: Fields a replacement may change. Direction, payment and parties are a trade or SSI question for people.
Changeable = Literal["amount", "quantity", "isin", "settlement_date", "trade_date"]
_CHANGEABLE: tuple[Changeable, ...] = ("amount", "quantity", "isin", "settlement_date", "trade_date")


class Change(Params):
    field: Changeable
    #: Where the new value comes from, "trade/<reference>#<field>": code fills in the literal.
    new_value_ref: str


class CancelReplaceParams(Params):
    instruction_ref: str
    changes: tuple[Change, ...] = Field(min_length=1)
    reason_code: Literal["OWN_INPUT_ERROR", "TRADE_CORRECTED", "OTHER"] = "OWN_INPUT_ERROR"
    #: Where the counterparty's agreement is recorded; a matched instruction needs one (W1-R2).
    cpty_agreement_ref: str | None = Field(default=None, max_length=100)


class CancelReplace(Action):
    name = "CANCEL_REPLACE"
    about = "Our instruction differs from the booked trade: cancel it and instruct what the trade says."
    params = CancelReplaceParams
    gates = {
        "proposal": (
            "V01", "V02", "V03", "V04", "V05", "V06", "V07", "V09", "V11", "V15",
            "W1-R1", "W1-R2", "W1-R6", "W1-R9",
        ),
        "decision": ("V12", "V14"),
        "delivery": ("V08", "V13", "V14", "W1-R3", "W1-R8"),
    }  # fmt: skip
    editable = ("reason_code", "cpty_agreement_ref")
    ends_case = True

    def propose(self, facts: Facts, assessment: Assessment) -> CancelReplaceParams | None:
        if facts.trade is None or facts.instruction is None or facts.account is None:
            return None
        wrong = [row.field for row in assessment.diff if row.trade and row.ours and row.ours != row.trade]
        changes = tuple(_change(field, facts.trade) for field in _CHANGEABLE if field in wrong)
        if not changes or len(changes) < len(wrong):
            return None
        if cases.replacement_reference(facts.instruction.our_ref) is None:
            return None
        return CancelReplaceParams(instruction_ref=facts.instruction.our_ref, changes=changes)

    def tier(self, facts: Facts, assessment: Assessment, params: CancelReplaceParams) -> Tier:
        return Tier.T2

    def diff(self, facts: Facts, assessment: Assessment, params: CancelReplaceParams) -> tuple[DiffRow, ...]:
        changed = {change.field for change in params.changes}
        return tuple(
            row.model_copy(update={"proposed": row.trade if row.field in changed else row.ours})
            for row in assessment.diff
        )

    def show(self, facts: Facts, params: CancelReplaceParams) -> str:
        old, new = diff.of_instruction(_held(facts, params)), diff.of_instruction(self.replacement(facts, params))
        changes = "; ".join(
            f"{change.field} {getattr(old, change.field)} becomes {getattr(new, change.field)}"
            for change in params.changes
        )
        replaced = _replaced(params)
        return f"Cancel {params.instruction_ref}; once cancelled, instruct {replaced}: {changes}."[:400]

    def replacement(self, facts: Facts, params: CancelReplaceParams) -> book.Instruction:
        """Ours with the approved fields as booked; not matched, and known to nobody yet.

        Once it is on file it is what is on file: the node that records it may run again after a crash.
        """
        if facts.instruction is not None and facts.instruction.our_ref == _replaced(params):
            return facts.instruction
        held = _held(facts, params)
        changed: dict[str, object] = {c.field: getattr(facts.trade, c.field) for c in params.changes}
        reference = cases.replacement_reference(held.our_ref)
        return held.model_copy(update={**changed, "our_ref": reference, "csd_ref": None, "matched": False})

    def steps(self, facts: Facts, params: CancelReplaceParams) -> tuple[Step, ...]:
        held, account = _held(facts, params), facts.account
        cancel_ref = cases.derived_reference(held.our_ref, "X", facts.items)
        if account is None or cancel_ref is None:
            raise InvalidRequest(f"{held.our_ref} cannot be cancelled: no account on file, or reference too long.")
        # The preparation time is the case's opening: what people approve must not change with the clock.
        cancel = compose.instruction(
            held, function="CANC", reference=cancel_ref, prepared=facts.opened_at,
            sender=account.own_bic, receiver=account.custodian_bic,
        )  # fmt: skip
        replace = compose.instruction(
            self.replacement(facts, params), previous=held.our_ref, prepared=facts.opened_at,
            sender=account.own_bic, receiver=account.custodian_bic,
        )  # fmt: skip
        return (
            Step(
                name="cancel", kind="message", type=held.message_type, payload=cancel, to=account.custodian_bic,
                expects=("IPRC/CAND", "CPRC/CAND"),
            ),
            Step(
                name="replace", kind="message", type=held.message_type, payload=replace, to=account.custodian_bic,
                expects=("MTCH/MACH", "confirmation"),
            ),
        )  # fmt: skip


def _change(field: Changeable, trade: book.Trade) -> Change:
    return Change(field=field, new_value_ref=f"trade/{trade.trade_ref}#{field}")


def _replaced(params: CancelReplaceParams) -> str | None:
    return cases.replacement_reference(params.instruction_ref)


def _held(facts: Facts, params: CancelReplaceParams) -> book.Instruction:
    if facts.instruction is None or facts.instruction.our_ref != params.instruction_ref:
        raise InvalidRequest(f"Instruction {params.instruction_ref} is not the one on file for this case.")
    return facts.instruction
