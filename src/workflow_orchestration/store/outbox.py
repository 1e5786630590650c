"""How far the log has been sent to a message bus: each stream in order, nothing left out, from where it stopped.

A stream's sequence is its commit order (its counter is locked from the append to the commit), so what is visible of
a stream has no hole, and one number a stream says how far it was sent. New entries are found by their transaction's
id: all before the horizon were sent, and the horizon never passes a transaction that is still open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workflow_orchestration.store.db import Conn, Row, one, queries, rows

SQL = queries(__file__)
#: Advisory lock of whoever sends: "wo" and a number.
_LOCK = 0x776F05


@dataclass(frozen=True)
class Page:
    """Entries to send, each stream's in order, and the horizon once all of them are acknowledged."""

    entries: list[Row]
    horizon: str
    #: There may be more.
    full: bool


async def lead(conn: Conn) -> bool:
    """Become the one that sends, for as long as this session lives; False while another is."""
    row = await one(conn, SQL["lead"], {"key": _LOCK})
    return bool(row and row["mine"])


async def moment(conn: Conn) -> str:
    """The horizon that holds once everything visible now has been sent."""
    row = await one(conn, SQL["moment"])
    assert row is not None
    return str(row["xid"])


async def unsent(conn: Conn, horizon: str, *, limit: int) -> Page:
    """The next entries from a horizon on, about `limit` of them."""
    now = await moment(conn)
    found = await rows(conn, SQL["unsent"], {"horizon": horizon, "limit": limit})
    if not found or found[0]["found"] < limit:
        return Page(found, now, full=False)
    return Page(found, str(min(int(now), int(found[0]["newest"]))), full=True)


async def behind(conn: Conn, *, after: str, limit: int) -> list[Row]:
    """Unsent entries found by comparing every stream, those from stream `after` on."""
    return await rows(conn, SQL["behind"], {"after": after, "limit": limit})


async def sent(conn: Conn, entries: Sequence[Row]) -> None:
    """These entries (each stream's in order, gapless) are acknowledged."""
    last = {e["stream"]: e["seq"] for e in entries}
    await conn.execute(SQL["sent"], {"streams": list(last), "seqs": list(last.values())})


async def advance(conn: Conn, horizon: str) -> None:
    """Write the horizon down: for `age`, and for whoever looks."""
    await conn.execute(SQL["advance"], {"horizon": horizon})


async def age(conn: Conn) -> float:
    """Seconds that the oldest unsent entry has waited; 0 when all were sent."""
    row = await one(conn, SQL["age"])
    return float(row["seconds"]) if row else 0.0
