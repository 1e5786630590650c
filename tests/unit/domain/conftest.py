"""Facts for every rule under test, from the sample book and the sample messages that ship with the package."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

import pytest

from workflow_orchestration.domain import book, messages, propose, triage
from workflow_orchestration.domain.actions.base import Assessment
from workflow_orchestration.domain.facts import Facts
from workflow_orchestration.domain.propose import Proposal
from workflow_orchestration.domain.records import MessageItem, Reason, Source, Status

#: A Monday in winter time, an hour before the first cut-off of the sample market (12:00 Berlin = 11:00 UTC).
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
_SAMPLE = files("workflow_orchestration").joinpath("sample")


@cache
def _book() -> dict[str, book.Row]:
    rows: dict[str, book.Row] = {}
    for kind, values in json.loads(_SAMPLE.joinpath("book.json").read_text("utf-8")).items():
        valid, errors = book.parse_rows(kind, values)
        assert not errors, errors
        rows |= {f"{kind}/{row.key}": row for row in valid}
    return rows


@cache
def _items(name: str) -> tuple[MessageItem, ...]:
    return messages.parse(_SAMPLE.joinpath("messages", f"{name}.fin").read_bytes().decode()).items


class Desk:
    """What a worker would gather: sample messages by file name, joined with the rows of the sample book."""

    now = NOW

    @property
    def book(self) -> dict[str, book.Row]:
        return _book()

    def items(self, *names: str) -> tuple[MessageItem, ...]:
        return tuple(item for name in names for item in _items(name))

    def item(self, name: str, **changes: Any) -> MessageItem:
        return _items(name)[0].model_copy(update=changes)

    def facts(self, *names: str, items: tuple[MessageItem, ...] = (), **changes: Any) -> Facts:
        """Facts of the case that the first item opens; `changes` replaces what the book would give."""
        all_items = self.items(*names) + items
        held = self._rows(all_items[0]) if all_items else {}
        base = {"case_id": "case-1", "now": NOW, "opened_at": NOW, "status_as_of": NOW, "items": all_items}
        return Facts.model_validate(base | held | changes)

    def _rows(self, item: MessageItem) -> dict[str, Any]:
        rows = self.book
        account: Any = rows.get(f"account/{item.account}")
        ours: Any = rows.get(f"instruction/{item.our_ref}")
        return {
            "account": account,
            "market": account and rows[f"market/{account.market}"],
            "contact": account and rows[f"contact/{account.contact}"],
            "instruction": ours,
            "trade": ours and rows[f"trade/{ours.trade_ref}"],
            "security": rows.get(f"security/{item.isin}"),
            "stock": rows.get(f"position/{item.account}/{item.isin}"),
            "cash": rows.get(f"position/{item.account}/EUR"),
            "sanctions": tuple(row for key, row in rows.items() if key.startswith("sanction/")),
        }

    def assess(self, *names: str, **changes: Any) -> Assessment:
        return triage.assess(self.facts(*names, **changes))

    def propose(self, *names: str, **changes: Any) -> Proposal:
        facts = self.facts(*names, **changes)
        return propose.propose(facts, triage.assess(facts))

    def status(self, status: str, *reasons: str, narrative: str | None = None, **changes: Any) -> MessageItem:
        """An MT548 item with status "QUALIFIER/CODE" and reasons of these codes; WO-1001 unless told otherwise."""
        qualifier, code = status.split("/")
        given = tuple(Reason(qualifier=code, code=reason, narrative=narrative) for reason in reasons)
        stated = {"statuses": (Status(qualifier=qualifier, code=code, reasons=given),)}
        return self.item("mt548-nmat-dmon-WO-1001", **stated, **changes)


@pytest.fixture(scope="session")
def desk() -> Desk:
    return Desk()


@pytest.fixture(scope="session")
def bare_item() -> MessageItem:
    """A status item that states nothing."""
    source = Source(first_line=1, last_line=1, excerpt=":16R:GENL\n:16S:GENL")
    return MessageItem(kind="status", message_type="548", n=1, function="INST", sender_ref="REF1", source=source)
