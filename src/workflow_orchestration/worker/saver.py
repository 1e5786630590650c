"""LangGraph's PostgreSQL saver, fenced: a worker that lost its item cannot write a checkpoint.

`_cursor` is ours (a private hook; tests/integration/worker/test_saver.py holds its contract). The stock one lets one
operation at a time through per instance; ours takes a pool connection for each. Writes are one transaction that starts
with the fence; reads need none.

A task's plain writes are kept back until the checkpoint of their superstep is stored, which holds what they say: half
of all transactions less. What is lost with the process is one superstep, which is replayed as it would have been.
Answers, questions and errors are stored at once, and with them what was kept back of the same superstep.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from psycopg import AsyncCursor
from psycopg.rows import DictRow, dict_row

from workflow_orchestration.store import work
from workflow_orchestration.store.db import Pool
from workflow_orchestration.worker.lease import LEASE

_Superstep = tuple[str, str, str | None]
_Writes = tuple[RunnableConfig, Sequence[tuple[str, Any]], str, str]


def _superstep(config: RunnableConfig) -> _Superstep:
    """The superstep that begins at a checkpoint."""
    where = config["configurable"]
    return str(where["thread_id"]), where.get("checkpoint_ns", ""), where.get("checkpoint_id")


class FencedSaver(AsyncPostgresSaver):
    """The saver of a worker; LEASE says for which item it writes."""

    def __init__(self, pool: Pool, state_types: Iterable[type[Any]]) -> None:
        allowed = [(t.__module__, t.__qualname__) for t in state_types]
        super().__init__(pool, serde=JsonPlusSerializer(allowed_msgpack_modules=allowed))
        self._pool = pool
        #: By (thread, namespace, checkpoint): the writes kept back, or None once they are stored at once.
        self._kept: dict[_Superstep, list[_Writes] | None] = {}

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        superstep = _superstep(config)
        kept = self._kept.setdefault(superstep, [])
        if kept is not None and not any(channel.startswith("__") for channel, _ in writes):
            kept.append((config, writes, task_id, task_path))
            return
        self._kept[superstep] = None
        for one in kept or ():
            await super().aput_writes(*one)
        await super().aput_writes(config, writes, task_id, task_path)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        stored = await super().aput(config, checkpoint, metadata, new_versions)
        self._kept.pop(_superstep(config), None)
        return stored

    def forget(self, thread_id: str) -> None:
        """The run is over, however it ended: nothing of it is kept back any more."""
        for superstep in [s for s in self._kept if s[0] == thread_id]:
            del self._kept[superstep]

    @asynccontextmanager
    async def _cursor(self, *, pipeline: bool = False) -> AsyncIterator[AsyncCursor[DictRow]]:
        async with self._pool.connection() as conn:
            if not pipeline:
                async with conn.cursor(binary=True, row_factory=dict_row) as cursor:
                    yield cursor
                return
            lease = LEASE.get()
            # no pipeline: a worker frozen inside one is not idle to the server, whose time-out would then never free
            # the item that the fence holds, and no other worker could claim it
            async with conn.transaction(), conn.cursor(binary=True, row_factory=dict_row) as cursor:
                await work.fence(conn, lease.item_id, lease.epoch)
                yield cursor
