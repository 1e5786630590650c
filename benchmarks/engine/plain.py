"""(a) Plain LangGraph: one process, the stock PostgreSQL saver on a pool, `durability="sync"`.

A process of its own, so that its CPU time is its own. `python -m benchmarks.engine.plain URL WORKFLOWS CONCURRENT PID`
(PostgreSQL's) prints one line of JSON. No HTTP, no approval, no log: the least anybody would call durable.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any
from uuid import uuid4

import uvloop
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.types import Command
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from benchmarks.engine import measure, plain_graph

POOL = 20
LOW_LOAD = 100


async def main(url: str, workflows: int, concurrent: int, postgres: int) -> dict[str, Any]:
    kwargs = {"autocommit": True, "row_factory": dict_row, "prepare_threshold": 0}
    async with AsyncConnectionPool(url, min_size=4, max_size=POOL, kwargs=kwargs) as pool:
        saver = AsyncPostgresSaver(pool)  # type: ignore[arg-type]
        await saver.setup()
        graph = plain_graph.build().compile(checkpointer=saver)

        async def begin() -> Any:
            config = {"configurable": {"thread_id": str(uuid4())}}
            await graph.ainvoke({"progress": {}}, config, durability="sync")
            return config

        async def resume(config: Any) -> None:
            state = await graph.aget_state(config)
            answer = {state.interrupts[0].id: {"type": "approve"}}
            done = await graph.ainvoke(Command(resume=answer), config, durability="sync")
            assert done["progress"]["outcome"] == "resolved"

        async def one(_n: int) -> None:
            await resume(await begin())

        await one(0)
        found = await measure.load("plain", one, workflows=workflows, concurrent=concurrent,
                                   pids={"postgres": [postgres]},
                                   settings={"pool": POOL, "durability": "sync"})  # fmt: skip
        resumed = [await _timed(begin, resume) for _ in range(LOW_LOAD)]
    return {**found.as_json(), "decision_to_end": measure.summary(resumed)}


async def _timed(begin: Any, resume: Any) -> float:
    config = await begin()
    began = time.perf_counter()
    await resume(config)
    return time.perf_counter() - began


if __name__ == "__main__":
    url, *numbers = sys.argv[1:]
    print(json.dumps(uvloop.run(main(url, *map(int, numbers)))))
