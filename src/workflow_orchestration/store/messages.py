"""The inbound door: one message is stored, correlated, and opens or advances its cases, in one transaction.

The same bytes twice are one message. Each item has one case, or a stored reason for none. A new status for a known
instruction joins its case: unchanged it only renews `as_of`; changed it lets the waiting thread go on with a
`refresh`, whatever it waits for, and on an ended case it opens the next thread.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from workflow_orchestration.domain import book as books
from workflow_orchestration.domain.canonical import plain, sha256
from workflow_orchestration.domain.cases import case_key, no_case_reason, opens_case, same_status
from workflow_orchestration.domain.errors import NotFound
from workflow_orchestration.domain.records import MessageItem, ParsedMessage
from workflow_orchestration.domain.roles import UNASSIGNED, Principal
from workflow_orchestration.store import book, cases, effects, log, threads, work
from workflow_orchestration.store.db import Conn, Row, jsonb, new_id, one, queries, rows

SQL = queries(__file__)
#: The workflow that settlement messages belong to.
SETTLEMENT = "settlement"


@dataclass(frozen=True)
class Accepted:
    """What came of a message: its id, whether it was new, and each item's case or reason."""

    message_id: str
    duplicate: bool
    items: tuple[dict[str, Any], ...]
    #: Streams that got entries: whom to wake.
    streams: tuple[str, ...] = ()


async def accept(conn: Conn, parsed: ParsedMessage, raw: str, principal: Principal) -> Accepted:
    """Store a parsed message and let its cases know."""
    digest = sha256(raw.encode())
    fresh = await one(
        conn,
        SQL["insert"],
        {
            "id": new_id(),
            "sha256": digest,
            "message_type": parsed.message_type,
            "sender": parsed.sender,
            "receiver": parsed.receiver,
            "sender_ref": parsed.sender_ref,
            "raw": raw,
            "principal": principal.id,
        },
    )
    if fresh is None:
        known = await one(conn, SQL["by_sha"], {"sha256": digest})
        assert known is not None
        return Accepted(str(known["id"]), True, await _stored_items(conn, str(known["id"])))
    message_id = str(fresh["id"])
    touched = [await _accept_item(conn, message_id, parsed, item, principal) for item in parsed.items]
    return Accepted(
        message_id, False, await _stored_items(conn, message_id), tuple(sorted({case for case in touched if case}))
    )


async def get(conn: Conn, message_id: str, principal: Principal) -> dict[str, Any]:
    """A message and what came of it, for whoever sent it or sees one of its cases."""
    row = await one(conn, SQL["get"], {"id": message_id})
    items = await rows(conn, SQL["items"], {"message_id": message_id}) if row else []
    mine = row is not None and row["principal"] == principal.id
    visible = [i for i in items if mine or (i["desk"] is not None and principal.sees(i["desk"]))]
    if row is None or not (mine or visible):
        raise NotFound(f"there is no message {message_id}")
    return {"message": row, "items": [_item(i) for i in visible]}


async def replays(conn: Conn, message_ids: list[str]) -> tuple[str, ...]:
    """Messages that repeat the sender and reference of these with other bytes, in words."""
    return tuple(
        f"MT{r['message_type']} {r['sender_ref']} of {r['sender']}, received {r['received_at']:%Y-%m-%dT%H:%M:%SZ}"
        for r in await rows(conn, SQL["replays"], {"ids": message_ids})
    )


async def with_account(conn: Conn, new: cases.NewCase, principal: Principal) -> cases.NewCase:
    """A case that is ensured by its key alone, with the account that a settlement case's key names (`case_key`).

    Messages will join it under that key, so an account that the book knows must be one of the caller's desks.
    """
    if new.workflow != SETTLEMENT:
        return new
    name, _, reference = new.key.rpartition("/")
    found = await book.find(conn, books.Account, name)
    if found is None:
        return new
    if not principal.sees(found[0].desk):
        raise NotFound(f"the book has no account {name!r} of your desks", fix="Load it, or ask its desk.")
    return replace(new, account=name, reference=reference)


async def _stored_items(conn: Conn, message_id: str) -> tuple[dict[str, Any], ...]:
    return tuple(_item(i) for i in await rows(conn, SQL["items"], {"message_id": message_id}))


def _item(row: Row) -> dict[str, Any]:
    return {"n": row["n"], "case_id": str(row["case_id"]) if row["case_id"] else None, "reason": row["reason"]}


async def _accept_item(
    conn: Conn, message_id: str, parsed: ParsedMessage, item: MessageItem, principal: Principal
) -> str | None:
    """Store one item with its case or its reason; returns the case."""
    references = [item.our_ref, item.csd_ref, item.common_ref, item.previous_ref]
    instruction = await book.find_instruction(conn, references[:2])
    account = item.account or (instruction[0].account if instruction else None)
    case_id = await cases.find_by_reference(conn, SETTLEMENT, account, references)
    if case_id is None:
        why = opens_case(item, has_instruction=instruction is not None)
        if why is None:
            await _put_item(conn, message_id, item, None, no_case_reason(item))
            return None
        case_id, fresh = await _open(conn, item, account, why, principal)
        if fresh:
            await _advance(conn, case_id, message_id, item, parsed, fresh=True)
            return case_id
    await _advance(conn, case_id, message_id, item, parsed, fresh=False)
    return case_id


async def _open(conn: Conn, item: MessageItem, account: str | None, why: str, principal: Principal) -> tuple[str, bool]:
    found = await book.find(conn, books.Account, account)
    case, fresh = await cases.open_case(
        conn,
        cases.NewCase(
            workflow=SETTLEMENT,
            key=case_key(item, account),
            desk=found[0].desk if found else UNASSIGNED,
            requester=principal.id,
            title=why,
            account=account,
            reference=item.reference,
        ),
        principal.actor(),
    )
    if fresh:
        known = [r for r in (item.our_ref, item.csd_ref, item.common_ref) if r]
        await conn.execute(SQL["adopt"], {"case_id": case["id"], "references": known, "account": account})
    elif case["account"] is None and account is not None:
        # ensured by its key before the book knew the account: from now on it is that account's, and on its desk
        moved: dict[str, Any] = {"desk": found[0].desk} if found else {}
        await cases.change(conn, str(case["id"]), log.WORKER, "case.account_known", account=account, **moved)
    return str(case["id"]), fresh


async def _put_item(conn: Conn, message_id: str, item: MessageItem, case_id: str | None, reason: str | None) -> int:
    row = await one(
        conn,
        SQL["insert_item"],
        {"message_id": message_id, "n": item.n, "record": jsonb(plain(item)), "case_id": case_id, "reason": reason},
    )
    assert row is not None
    return int(row["seq"])


async def _advance(
    conn: Conn, case_id: str, message_id: str, item: MessageItem, parsed: ParsedMessage, *, fresh: bool
) -> None:
    """Join an item to its case and let the case's thread know."""
    thread = await cases.current_thread(conn, case_id, lock=True)
    earlier = [MessageItem.model_validate(r["record"]) for r in await cases.items(conn, case_id)]
    before = next((e for e in reversed(earlier) if e.kind == item.kind), None)
    changed = before is None or not same_status(before, item)
    seq = await _put_item(conn, message_id, item, case_id, None)
    case = await cases.get(conn, case_id)
    await cases.add_references(conn, case, [item.our_ref, item.csd_ref, item.common_ref])
    await _tell_thread(conn, case, thread, item, seq=seq, changed=changed and not fresh)
    now = {"status_as_of": await _now(conn)} if item.kind in ("status", "confirmation") else {}
    await cases.update(conn, case_id, **now, **({"changed_seq": seq} if changed else {}))
    if changed and not fresh:
        await threads.settle(conn, await cases.current_thread(conn, case_id))
    await log.append(
        conn,
        case_id,
        [
            log.Entry(
                "message.received",
                log.WORKER,
                {
                    "message_id": message_id,
                    "item": item.n,
                    "type": f"MT{parsed.message_type}",
                    "kind": item.kind,
                    "sender_ref": parsed.sender_ref,
                    "changed": changed,
                    "lines": f"{item.source.first_line}-{item.source.last_line}",
                    "statuses": [f"{s.qualifier}/{s.code}" for s in item.statuses],
                },
            )
        ],
    )


async def _tell_thread(conn: Conn, case: Row, thread: Row, item: MessageItem, *, seq: int, changed: bool) -> None:
    """A changed status judges waiting deliveries at once; on an ended case a new exception opens the next thread."""
    case_id = str(case["id"])
    if not changed:
        return
    if thread["state"] == "ended":
        why = opens_case(item, has_instruction=True)
        if why is not None and item.kind == "status":
            await cases.reopen(conn, case, log.WORKER, why)
        return
    await work.due_now(conn, await effects.open_of_case(conn, case_id))


async def _now(conn: Conn) -> Any:
    row = await one(conn, "select now() as now")
    assert row is not None
    return row["now"]
