"""CHASE: ask the other side, through the contact on file, to act; with the real values of both sides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, assert_never

from pydantic import Field

from workflow_orchestration.domain import cases
from workflow_orchestration.domain.actions.base import Action, Assessment, Params, Step
from workflow_orchestration.domain.codes import confirms, table
from workflow_orchestration.domain.diff import compare, of_item, sides
from workflow_orchestration.domain.errors import InvalidRequest
from workflow_orchestration.domain.facts import Facts, FaultSide, Tier
from workflow_orchestration.domain.messages import compose
from workflow_orchestration.domain.records import MessageItem

Template = Literal["MISMATCH", "ABSENT", "STOCK", "CASH", "HOLD", "STATUS"]

_TEMPLATES: dict[str, Template] = {
    "CPTY_ABSENT": "ABSENT", "CPTY_STOCK": "STOCK", "CPTY_CASH": "CASH", "HOLD": "HOLD",
}  # fmt: skip
#: What we ask for, by template.
_REQUESTS: dict[Template, str] = {
    "MISMATCH": "Our values agree with our booked trade. Please have the counterparty correct its instruction.",
    "ABSENT": "Please have the counterparty instruct, or tell us why it does not.",
    "STOCK": "Please tell us when the counterparty will deliver, and whether it can deliver in part.",
    "CASH": "Please tell us when the counterparty will pay.",
    "HOLD": "Please have the counterparty release its instruction.",
    "STATUS": "Please tell us the status and what is needed to settle.",
}
#: Matching answers a chaser about an unmatched instruction; anything else is answered by settlement alone.
_ANSWERED_BY: dict[bool, tuple[str, ...]] = {True: ("MTCH/MACH", "confirmation"), False: ("confirmation",)}


class ChaseParams(Params):
    #: Key of the contact on file; nothing is ever sent elsewhere.
    contact: str
    template: Template
    reply_within_minutes: int = Field(default=60, ge=15, le=1440)
    #: A person's own words, appended.
    note: str = Field(default="", max_length=200)


class Chase(Action):
    name = "CHASE"
    about = "The other side has to act: ask it, through the contact on file, with both sides' values."
    params = ChaseParams
    gates = {
        "proposal": ("V09", "V11", "V15"),
        "decision": ("V12", "V14"),
        "delivery": ("V08", "V13", "V14", "W1-R3", "W1-R7", "W1-R8"),
    }
    editable = ("reply_within_minutes", "note")
    rests_on = ("trade", "instruction", "contact")

    def propose(self, facts: Facts, assessment: Assessment) -> ChaseParams | None:
        if facts.contact is None or facts.account is None or facts.latest() is None:
            return None
        template = _template(assessment)
        return template and ChaseParams(contact=facts.contact.contact, template=template)

    def tier(self, facts: Facts, assessment: Assessment, params: ChaseParams) -> Tier:
        return Tier.T1

    def show(self, facts: Facts, params: ChaseParams) -> str:
        rows = "; ".join(
            f"{row.field}: ours {row.ours or 'not stated'}, theirs {row.theirs or 'not stated'}"
            for row in compare(facts)
        )
        name = facts.contact.name if facts.contact else params.contact
        return f"Send a chaser about {_subject(facts)} to {name}. {rows}"[:400].strip()

    def steps(self, facts: Facts, params: ChaseParams) -> tuple[Step, ...]:
        contact, account = facts.contact, facts.account
        if contact is None or account is None or contact.contact != params.contact:
            raise InvalidRequest(f"Contact {params.contact} is not the one on file for this account.")
        text = "\n".join(_lines(facts, params))
        if contact.channel == "MT599":
            text = compose.free_text(
                sender=account.own_bic, receiver=contact.address, reference=_reference(facts),
                related=_related(facts), text=text,
            )  # fmt: skip
        unmatched = facts.status is None or confirms(facts.status, {"MTCH/NMAT"})
        return (
            Step(
                name="chase", kind="message", type="599" if contact.channel == "MT599" else "EMAIL",
                payload=text, to=contact.address, expects=_ANSWERED_BY[unmatched],
                timeout_minutes=params.reply_within_minutes,
            ),
        )  # fmt: skip


def _template(assessment: Assessment) -> Template | None:
    """None where ours is wrong: nobody is asked to correct what we have to correct."""
    if not assessment.root_cause.startswith("ECON_"):
        return _TEMPLATES.get(assessment.root_cause, "STATUS")
    match assessment.fault_side:
        case FaultSide.CPTY:
            return "MISMATCH"
        case FaultSide.OWN | FaultSide.SHARED:
            return None
        case FaultSide.MARKET | FaultSide.UNKNOWN:
            return "STATUS"
        case _:
            assert_never(assessment.fault_side)


def _lines(facts: Facts, params: ChaseParams) -> Iterator[str]:
    yield f"Chaser: {_subject(facts)}"
    for label, value in _terms(facts):
        yield f"{label} {value}"
    if facts.status:
        yield from _status_lines(facts.status)
    for row in compare(facts):
        if row.ours != row.theirs and (row.ours or row.theirs):
            yield f"{row.field.replace('_', ' ')}: ours {row.ours or 'not stated'}"
            yield f"{row.field.replace('_', ' ')}: theirs {row.theirs or 'not stated'}"
    yield _REQUESTS[params.template]
    yield f"Please answer within {params.reply_within_minutes} minutes."
    if params.note:
        yield params.note


def _terms(facts: Facts) -> Iterator[tuple[str, str]]:
    """What identifies the transaction to somebody who has only their own books: ours, else the message's."""
    _, ours, _ = sides(facts)
    newest = facts.latest()
    for label, field in (
        ("ISIN", "isin"), ("Quantity", "quantity"), ("Amount", "amount"), ("Settlement date", "settlement_date"),
    ):  # fmt: skip
        value = getattr(ours, field) or (newest and _of_message(newest, field))
        if value:
            yield label, value


def _of_message(item: MessageItem, field: str) -> str | None:
    value: str | None = getattr(of_item(item), field)
    return value


def _status_lines(item: MessageItem) -> Iterator[str]:
    for status in item.statuses:
        for reason in status.reasons:
            row = table().get(("NMAT" if reason.qualifier == "NMAT" else "PEND", reason.code))
            yield f"Status {status.code} {reason.code}" + (f": {row.meaning}" if row else "")


def _subject(facts: Facts) -> str:
    newest = facts.latest()
    ours = facts.instruction.our_ref if facts.instruction else (newest and newest.our_ref)
    csd = facts.instruction.csd_ref if facts.instruction else None
    csd = csd or (facts.status.csd_ref if facts.status else None)
    named = [text for text in (ours and f"our reference {ours}", csd and f"depository reference {csd}") if text]
    return ", ".join(named) or f"your message {newest.sender_ref if newest else ''}"


def _related(facts: Facts) -> str | None:
    newest = facts.latest()
    known = (facts.instruction and facts.instruction.our_ref, newest and newest.reference, newest and newest.sender_ref)
    return next((reference[:16] for reference in known if reference), None)


def _reference(facts: Facts) -> str:
    """Our own reference of the chaser; falls back to the case's when the instruction's leaves no room."""
    related = _related(facts) or facts.case_id
    derived = cases.derived_reference(related, "C", facts.items)
    return derived or f"C{len(facts.chases) + 1}-{cases.base_reference(related)[-12:]}"
