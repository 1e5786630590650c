"""MT540-543, settlement instructions.

TRADDET holds dates and security, FIAC quantity and account, SETDET parties and amounts.
"""

from __future__ import annotations

from workflow_orchestration.domain.messages import values
from workflow_orchestration.domain.messages.terms import (
    general,
    narrative,
    own_reference,
    parties,
    references,
    required,
    required_sequence,
    single,
    terms,
)
from workflow_orchestration.domain.messages.tree import SwiftMessage
from workflow_orchestration.domain.records import MessageItem

#: Message type -> movement and payment; the confirmation MT544-547 is the instruction's type + 4.
DIRECTIONS = {
    "540": ("RECE", "FREE"),
    "541": ("RECE", "APMT"),
    "542": ("DELI", "FREE"),
    "543": ("DELI", "APMT"),
}


def parse(message: SwiftMessage) -> tuple[MessageItem, ...]:
    genl = general(message)
    parts = [required_sequence(message.root, name) for name in ("TRADDET", "FIAC", "SETDET")]
    movement, payment = DIRECTIONS[message.type]
    known = references(genl) | {"our_ref": own_reference(message)}
    # A preadvice is the instruction with its settlement held back (sese.023 HldInd = :23G:PREA or NEWM).
    hold = {"PREA": True, "NEWM": False}.get(values.function(required(genl, "23G")))
    return single(
        message,
        kind="instruction",
        hold=hold,
        parties=parties(*parts),
        narrative=narrative(*parts),
        **known,
        **(terms(*parts) | {"movement": movement, "payment": payment}),
    )
