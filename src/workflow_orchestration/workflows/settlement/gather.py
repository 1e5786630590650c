"""Read everything code knows about a case, once a node: messages, book, chasers. Every rule is a function of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from workflow_orchestration.domain import book as books
from workflow_orchestration.domain.facts import Chase, Facts
from workflow_orchestration.domain.records import MessageItem
from workflow_orchestration.store import book, cases, effects, messages
from workflow_orchestration.store.db import Conn, Row

R = TypeVar("R", bound=books.Row)


@dataclass(frozen=True)
class Gathered:
    facts: Facts
    case: Row
    #: Newest message item these facts rest on.
    seen_seq: int


class _Reader:
    """Book look-ups that remember which version of which row was used."""

    def __init__(self, conn: Conn, at: datetime | None) -> None:
        self._conn = conn
        self._at = at
        self.versions: dict[str, int] = {}

    async def find(self, model: type[R], key: str | None) -> R | None:
        found = await book.find(self._conn, model, key, at=self._at)
        return self._note(found)

    async def instruction(self, references: Sequence[str | None]) -> books.Instruction | None:
        for reference in references:
            found = await book.find_instruction(self._conn, [reference], at=self._at)
            if found is not None:
                return self._note(found)
        return None

    def _note(self, found: tuple[R, int] | None) -> R | None:
        if found is None:
            return None
        row, version = found
        self.versions[f"{row.kind}/{row.key}"] = version
        return row


async def gather(conn: Conn, case_id: str, *, rejected: tuple[str, ...] = (), at: datetime | None = None) -> Gathered:
    """Facts of a case as they are now, or as they were at a moment: messages, book and chasers up to then."""
    case = await cases.get(conn, case_id)
    rows = [row for row in await cases.items(conn, case_id) if at is None or row["received_at"] <= at]
    items = tuple(MessageItem.model_validate(row["record"]) for row in rows)
    reader = _Reader(conn, at)
    newest_first = [ref for i in reversed(items) for ref in (i.our_ref, i.csd_ref)]
    instruction = await reader.instruction([*dict.fromkeys(newest_first), case["reference"]])
    trade = await reader.find(books.Trade, instruction.trade_ref if instruction else case["reference"])
    ours = [row for row in (instruction, trade) if row is not None]
    account = await reader.find(books.Account, _first(case["account"], *(row.account for row in ours)))
    market = await reader.find(books.Market, account.market if account else None)
    isin = _first(*(row.isin for row in ours), *(i.isin for i in reversed(items)))
    money = _first(*(row.amount for row in ours), *(i.amount for i in reversed(items)))
    security = await reader.find(books.Security, isin)
    ccy = money.ccy if money else (security.price.ccy if security else None)
    facts = Facts(
        case_id=case_id,
        now=at or case["now"],
        opened_at=case["created_at"],
        status_as_of=case["status_as_of"],
        items=items,
        account=account,
        market=market,
        trade=trade,
        instruction=instruction,
        security=security,
        contact=await reader.find(books.Contact, account.contact if account else None),
        ssi=await reader.find(
            books.Ssi, f"{trade.counterparty_bic}/{market.market}/{ccy}" if trade and market else None
        ),
        stock=await reader.find(books.Position, f"{account.account}/{isin}" if account and isin else None),
        cash=await reader.find(books.Position, f"{account.account}/{ccy}" if account and ccy else None),
        fx=await reader.find(books.Fx, ccy),
        sanctions=tuple(await book.find_all(conn, books.Sanction, at=at)),
        book_versions=reader.versions,
        chases=await _chases(conn, case_id, at),
        rejected=rejected,
        duplicates=await messages.replays(conn, [str(row["message_id"]) for row in rows]),
    )
    return Gathered(facts, case, int(case["changed_seq"]))


T = TypeVar("T")


def _first(*values: T | None) -> T | None:
    return next((v for v in values if v is not None), None)


async def _chases(conn: Conn, case_id: str, at: datetime | None) -> tuple[Chase, ...]:
    return tuple(
        Chase(at=e["delivered_at"], contact=e["recipient"])
        for e in await effects.delivered_of_case(conn, case_id)
        if e["action"] == "CHASE" and (at is None or e["delivered_at"] <= at)
    )
