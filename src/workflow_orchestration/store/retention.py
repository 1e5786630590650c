"""What ended threads leave behind: their checkpoints, work items and model runs are machinery, removed after a
retention.

What people, auditors and receivers know a case by stays for ever: case, thread, messages, proposals, approvals,
decisions, effects, tasks, and above all the log. A case under legal hold keeps everything.
"""

from __future__ import annotations

from workflow_orchestration.store.db import Conn, queries, rows

SQL = queries(__file__)
#: Threads of one transaction: some ten thousand rows, well under a second.
BATCH = 200


async def prune(conn: Conn, *, days: int) -> int:
    """Prune one batch of threads that ended more than `days` ago; returns how many there were.

    Several workers may do it at once: each takes threads that nobody else has locked.
    """
    found = await rows(conn, SQL["prunable"], {"days": days, "limit": BATCH})
    if found:
        threads = [str(row["id"]) for row in found]
        await conn.execute(
            SQL["delete_items"], {"cases": [row["case_id"] for row in found], "threads": threads, "days": days}
        )
        for table in ("delete_writes", "delete_blobs", "delete_checkpoints", "delete_model_runs", "mark"):
            await conn.execute(SQL[table], {"threads": threads})
    return len(found)
