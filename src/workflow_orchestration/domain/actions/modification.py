"""The MT530 that RELEASE and SET_PARTIAL send: one step, one message to the custodian."""

from __future__ import annotations

from typing import Literal

from workflow_orchestration.domain import cases
from workflow_orchestration.domain.actions.base import Step
from workflow_orchestration.domain.errors import InvalidRequest
from workflow_orchestration.domain.facts import Facts
from workflow_orchestration.domain.messages import compose

#: The custodian accepts the change, or settlement shows that it did. A match says nothing about either.
_CONFIRMED_BY = ("TPRC/PACK", "IPRC/PACK", "confirmation")


def modify(
    facts: Facts,
    instruction_ref: str,
    *,
    name: str,
    hold: bool | None = None,
    partial: Literal["PART", "NPAR", "PARC", "PARQ"] | None = None,
) -> Step:
    instruction, account = facts.instruction, facts.account
    if instruction is None or account is None or instruction.our_ref != instruction_ref:
        raise InvalidRequest(f"Instruction {instruction_ref} is not the one on file for this case.")
    reference = cases.derived_reference(instruction_ref, "M", facts.items)
    if reference is None:
        raise InvalidRequest(f"Reference {instruction_ref} leaves no room for a modification's own.")
    text = compose.modification(
        sender=account.own_bic, receiver=account.custodian_bic, reference=reference, our_ref=instruction_ref,
        account=instruction.account, prepared=facts.opened_at, hold=hold, partial=partial,
    )  # fmt: skip
    return Step(name=name, kind="message", type="530", payload=text, to=account.custodian_bic, expects=_CONFIRMED_BY)
