"""Model answers are recorded before they are used, and reused when a node is replayed.

A node asks through this, outside its own transaction: a model takes seconds, and an open transaction holds locks.
Two short ones stand around the question. The first writes that it is asked, with what it may cost, and holds the
budget against everybody else's questions; the second writes its end. Both begin with the fence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from workflow_orchestration.domain.errors import ModelUnavailable
from workflow_orchestration.domain.model_run import ModelRun
from workflow_orchestration.llm import batch, budget, metrics
from workflow_orchestration.llm.config import Limits
from workflow_orchestration.llm.contract import Answer, OnToken, Question, T
from workflow_orchestration.llm.course import answer_of
from workflow_orchestration.llm.gateway import Gateway
from workflow_orchestration.store import model_runs, work
from workflow_orchestration.store.db import Conn, Pool, retrying
from workflow_orchestration.store.model_runs import Key


@dataclass(frozen=True)
class Recorded:
    """One task of a graph, asking. Every write is fenced by the work item that the worker holds."""

    #: None where no model is configured: every question then ends in ModelUnavailable("not_configured").
    gateway: Gateway | None
    pool: Pool
    item_id: str
    epoch: int
    thread_id: str
    #: LangGraph's task id: the same when the node is replayed after a crash.
    task_id: str

    async def ask(self, question: Question[T], *, n: int = 0, on_token: OnToken | None = None) -> Answer[T]:
        """The recorded answer of (thread, task, n), or a new one; `n` numbers the questions of one task, from 0.

        A recorded failure is raised again, so a replay says the same. What was recorded of another prompt is not an
        answer to this one: it is asked anew. Raises LeaseLost when the item went to another worker.
        """
        gateway = self.gateway
        if gateway is None:
            raise ModelUnavailable("LLM_BASE_URL is not set", reason="not_configured")
        key = Key(self.thread_id, self.task_id, n)
        known, fresh = await retrying(self.pool, lambda conn: self._begin(conn, key, question, gateway))
        if known is not None:
            (
                metrics.QUESTIONS.labels(known.agent, known.failure) if fresh else metrics.REPLAYED.labels(known.agent)
            ).inc()
            return answer_of(known, question, replayed=True)
        run = await gateway.run(question, on_token=on_token)
        await retrying(self.pool, lambda conn: self._end(conn, key, question, run))
        return answer_of(run, question)

    async def ask_many(
        self, questions: Sequence[Question[T]], *, first_n: int = 0, at_once: int = 8
    ) -> list[Answer[T] | ModelUnavailable]:
        """Answers and named failures in the questions' order, numbered from `first_n`."""
        return await batch.ask_many(
            lambda question, place: self.ask(question, n=first_n + place), questions, at_once=at_once
        )

    async def _begin(
        self, conn: Conn, key: Key, question: Question[Any], gateway: Gateway
    ) -> tuple[ModelRun | None, bool]:
        """What ends the question before it is asked, and whether that is new: a recorded run, or a spent budget."""
        await work.fence(conn, self.item_id, self.epoch)
        expected = gateway.expected(question)
        known = await model_runs.find(conn, key)
        if known is not None and known.prompt_sha256 == expected.prompt_sha256:
            return known, False
        limits = gateway.config.limits
        if limits.any():
            await model_runs.lock_budget(conn, question.desk)
        await _put(conn, key, question, expected, ended=False)
        why = await _spent(conn, question, limits) if limits.any() else None
        if why is None:
            return None, True
        refused = replace(expected, tokens_in=0, tokens_out=0, cost=Decimal(0), failure="budget_spent", detail=why)
        await _put(conn, key, question, refused, ended=True)
        return refused, True

    async def _end(self, conn: Conn, key: Key, question: Question[Any], run: ModelRun) -> None:
        await work.fence(conn, self.item_id, self.epoch)
        await _put(conn, key, question, run, ended=True)


async def _put(conn: Conn, key: Key, question: Question[Any], run: ModelRun, *, ended: bool) -> None:
    await model_runs.put(conn, key, run, case_id=question.case_id, desk=question.desk, ended=ended)


async def _spent(conn: Conn, question: Question[Any], limits: Limits) -> str | None:
    return budget.spent(limits, await model_runs.used(conn, desk=question.desk, case_id=question.case_id))
