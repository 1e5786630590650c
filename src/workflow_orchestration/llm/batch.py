"""Many questions at once, bounded on our side: the batch that works with every server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from workflow_orchestration.domain.errors import ModelUnavailable
from workflow_orchestration.llm.contract import Answer, Question, T

#: Asks one question, given its place in the batch.
AskOne = Callable[[Question[T], int], Awaitable[Answer[T]]]


async def ask_many(
    ask: AskOne[T], questions: Sequence[Question[T]], *, at_once: int
) -> list[Answer[T] | ModelUnavailable]:
    """One result a question, in order; a question without an answer costs the others nothing."""
    slots = asyncio.Semaphore(at_once)

    async def one(question: Question[T], n: int) -> Answer[T] | ModelUnavailable:
        async with slots:
            try:
                return await ask(question, n)
            except ModelUnavailable as failure:
                return failure

    tasks = [asyncio.create_task(one(question, n)) for n, question in enumerate(questions)]
    try:
        return await asyncio.gather(*tasks)
    finally:  # what else is raised (a lost lease) ends the batch, and leaves nobody asking
        for task in tasks:
            task.cancel()
