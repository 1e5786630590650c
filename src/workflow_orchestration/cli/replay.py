"""`wo cases replay`: a case's talks of agents again, from what was recorded. Reads the database; asks no model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workflow_orchestration.cli.exits import CheckFailed, Unreachable
from workflow_orchestration.cli.output import heading, plain, show, table

if TYPE_CHECKING:
    from rich.console import Console

    from workflow_orchestration.workflows.settlement.replay import Replayed


def run(case_id: str, *, as_json: bool) -> None:
    """Show each talk, then and now; CheckFailed when something differs."""
    import asyncio

    import psycopg
    from psycopg_pool import PoolTimeout

    from workflow_orchestration import settings

    try:
        found = asyncio.run(_replayed(settings.load().database_url.get_secret_value(), case_id))
    except (psycopg.OperationalError, PoolTimeout) as error:
        raise Unreachable(str(error).strip(), "Start PostgreSQL, or correct DATABASE_URL.") from None
    data = {"case_id": case_id, "talks": [_told(talk) for talk in found]}
    show(data, as_json, _print)
    differences = sum(len(talk.differences) for talk in found)
    if differences:
        raise CheckFailed(f"{differences} differences between then and now", "Read them above; nothing was changed.")


async def _replayed(url: str, case_id: str) -> list[Replayed]:
    from workflow_orchestration.domain import calendars
    from workflow_orchestration.store.db import make_pool
    from workflow_orchestration.workflows.settlement import replay

    calendars.load()
    async with make_pool(url, size=1, name="wo-replay") as pool, pool.connection() as conn, conn.transaction():
        await conn.execute("set transaction read only")
        await replay.known(conn, case_id)
        return await replay.replay(conn, case_id)


def _told(talk: Replayed) -> dict[str, Any]:
    return {
        "at": talk.at.isoformat(),
        "turns": [{**vars(turn), "refused_by": list(turn.refused_by)} for turn in talk.turns],
        "then": talk.then and {"action": talk.then[0], "payload_hash": talk.then[1]},
        "now": talk.now and {"action": talk.now[0], "payload_hash": talk.now[1]},
        "differences": talk.differences,
    }


def _print(out: Console, data: dict[str, Any]) -> None:
    if not data["talks"]:
        plain(out, "No agent ever had a turn on this case.")
    for n, talk in enumerate(data["talks"], start=1):
        heading(out, f"Talk {n}, begun {talk['at']}")
        rows = [
            (t["agent"], "same" if t["same_prompt"] else "differs", ", ".join(t["refused_by"]) or "-", t["text"])
            for t in talk["turns"]
        ]
        out.print(table("Turns", ("agent", "prompt", "refused by", "answer"), rows))
        for when in ("then", "now"):
            proposed = talk[when] or {}
            plain(out, f"{when}: {proposed.get('action')} {proposed.get('payload_hash')}")
        plain(out, "\n".join(talk["differences"]) or "No difference.")
