"""MT537, statement of pending transactions: an item a transaction, in three layouts.

By status: STAT, with its TRANs inside. By transaction: TRANS, with its STATs inside. Penalties (:23G:PENA):
PENDET, with the failing transaction in RELTRAN; the penalty travels with the item.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workflow_orchestration.domain.messages import values
from workflow_orchestration.domain.messages.terms import (
    general,
    head,
    narrative,
    parties,
    references,
    required,
    source,
    status,
    statuses,
    terms,
)
from workflow_orchestration.domain.messages.tree import Sequence, SwiftMessage
from workflow_orchestration.domain.records import MessageItem, Penalty, Status


def parse(message: SwiftMessage) -> tuple[MessageItem, ...]:
    """Possibly none: a statement may say that nothing is pending (:17B::ACTI//N)."""
    shared = head(message) | {"kind": "status"}
    account = terms(general(message)).get("account")
    found = []
    for n, (part, fields) in enumerate(_transactions(message.root), start=1):
        if not fields.get("account"):
            fields["account"] = account
        found.append(MessageItem(n=n, source=source(message, part), **shared, **fields))
    return tuple(found)


def _transactions(root: Sequence) -> Iterator[tuple[Sequence, dict[str, Any]]]:
    """Each transaction's own lines, and what they say."""
    for by_status in root.children("STAT"):
        held = status(by_status)
        for tran in by_status.children("TRAN"):
            yield tran, _transaction(tran, (held,))
    for trans in root.children("TRANS"):
        yield trans, _transaction(trans, statuses(trans))
    for account in _penalty_accounts(root):
        for detail in account.children("PENDET"):
            yield from _penalised(detail, account)


def _transaction(part: Sequence, held: tuple[Status, ...]) -> dict[str, Any]:
    details = part.children("TRANSDET")
    return {
        "statuses": held,
        "parties": parties(*details),
        "narrative": narrative(*details),
        **references(part),
        **terms(*details),
    }


def _penalty_accounts(root: Sequence) -> Iterator[Sequence]:
    """PENACOUNT: the penalties with one counterparty, inside PENACUR (one currency) inside PENA."""
    for penalties in root.children("PENA"):
        for currency in penalties.children("PENACUR"):
            yield from currency.children("PENACOUNT")


def _penalised(detail: Sequence, account: Sequence) -> Iterator[tuple[Sequence, dict[str, Any]]]:
    penalty = _penalty(detail)
    securities = [fia for day in detail.children("CALDET") for fia in day.children("FIA")]
    related = detail.children("RELTRAN")
    if not related:
        yield detail, {"penalty": penalty, "parties": parties(account), **terms(*securities)}
    for transaction in related:
        parts = transaction.children("TRAN")
        # Several transactions under one penalty keep to their own lines, or each would repeat all the others.
        lines = detail if len(related) == 1 else transaction
        yield (
            lines,
            {
                "penalty": penalty,
                "statuses": tuple(held for part in parts for held in statuses(part)),
                "parties": parties(*parts, account),
                **references(transaction, *parts),
                **terms(*parts, *securities),
            },
        )


def _penalty(detail: Sequence) -> Penalty:
    last_day = detail.children("CALDET")[-1:]
    securities = [fia for day in last_day for fia in day.children("FIA")]
    day = next((f for part in last_day for f in part.select("98", "PEDA")), None)
    rate = next((f for fia in securities for f in fia.select("92A")), None)
    asset_class = next((f for fia in securities for f in fia.select("12", "CLAS")), None)
    common = detail.first("20C", "PCOM")
    method = detail.first("22H", "CALM")
    amount = detail.first("19A", "AMCO")
    days = detail.first("99A", "DAAC")
    reference = required(detail, "20C", "PREF")
    return Penalty(
        reference=values.reference(reference) or reference.data,
        common_reference=values.reference(common) if common else None,
        type=values.code(required(detail, "22H", "PNTP")),
        method=values.code(method) if method else None,
        amount=values.money(amount) if amount else None,
        days=values.count(days) if days else None,
        asset_class=asset_class.data if asset_class else None,
        rate=values.rate(rate) if rate else None,
        on=values.day(day) if day else None,
    )
