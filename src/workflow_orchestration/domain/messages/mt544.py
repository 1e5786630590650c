"""MT544-547, settlement confirmations.

Laid out as the instruction; RELA names it, ESTT and ESET say what settled and when.
"""

from __future__ import annotations

from workflow_orchestration.domain.messages.mt540 import DIRECTIONS
from workflow_orchestration.domain.messages.terms import (
    general,
    narrative,
    parties,
    references,
    required_sequence,
    single,
    terms,
)
from workflow_orchestration.domain.messages.tree import SwiftMessage
from workflow_orchestration.domain.records import MessageItem


def parse(message: SwiftMessage) -> tuple[MessageItem, ...]:
    parts = [required_sequence(message.root, name) for name in ("TRADDET", "FIAC", "SETDET")]
    movement, payment = DIRECTIONS[str(int(message.type) - 4)]
    return single(
        message,
        kind="confirmation",
        parties=parties(*parts),
        narrative=narrative(*parts),
        **references(general(message)),
        **(terms(*parts) | {"movement": movement, "payment": payment}),
    )
