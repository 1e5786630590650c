"""MT578, allegement: somebody instructed against us.

Its terms are the counterparty's, its SEME is the CSD's reference.
"""

from __future__ import annotations

from workflow_orchestration.domain.messages.terms import (
    general,
    narrative,
    own_reference,
    parties,
    references,
    required_sequence,
    single,
    terms,
)
from workflow_orchestration.domain.messages.tree import SwiftMessage
from workflow_orchestration.domain.records import MessageItem


def parse(message: SwiftMessage) -> tuple[MessageItem, ...]:
    genl = general(message)
    parts = [required_sequence(message.root, name) for name in ("TRADDET", "FIAC", "SETDET")]
    known = {"csd_ref": own_reference(message)} | references(genl)
    return single(
        message,
        kind="allegement",
        parties=parties(*parts),
        narrative=narrative(*parts),
        **known,
        **terms(*parts, genl),
    )
