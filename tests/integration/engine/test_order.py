"""What people see, and when: a node's entries are there before the next node starts."""

from __future__ import annotations

import psycopg

from tests.fin import mt548
from tests.platform import platform


async def test_a_nodes_entries_are_there_before_the_next_node_starts(database, tmp_path):
    async with platform(database.worker, tmp_path) as p, await psycopg.AsyncConnection.connect(database.owner) as hold:
        await hold.execute("lock table proposals in access exclusive mode")  # the next node cannot write
        accepted = await p.post(mt548(reason="NMAT//DMON"))
        case_id = str(accepted.items[0]["case_id"])

        async def triaged():
            return [e for e in await p.entries(case_id) if e["type"] == "case.triaged"]

        [entry] = await p.wait_for(triaged, "the first node's entry")
        assert entry["data"]["codes"] == ["NMAT/DMON"]
        assert "case.proposed" not in {e["type"] for e in await p.entries(case_id)}
        await hold.rollback()
        await p.approval(case_id)
