"""MT548, status of one instruction.

GENL holds the links and the statuses, SETTRAN the terms as the account servicer has them.
"""

from __future__ import annotations

from workflow_orchestration.domain.messages.terms import (
    general,
    narrative,
    parties,
    references,
    required_sequence,
    single,
    statuses,
    terms,
)
from workflow_orchestration.domain.messages.tree import SwiftMessage
from workflow_orchestration.domain.records import MessageItem


def parse(message: SwiftMessage) -> tuple[MessageItem, ...]:
    genl = general(message)
    required_sequence(genl, "STAT")
    details = message.root.children("SETTRAN")[:1]  # optional: a status may name the instruction only
    return single(
        message,
        kind="status",
        statuses=statuses(genl),
        parties=parties(*details),
        narrative=narrative(*details),
        **references(genl, *details),
        **terms(*details),
    )
