"""Many questions, bounded; one failure costs the others nothing, a bug ends them all."""

from __future__ import annotations

import asyncio

import pytest

from workflow_orchestration.domain.errors import LeaseLost
from workflow_orchestration.llm.batch import ask_many
from workflow_orchestration.llm.contract import ModelUnavailable


async def test_results_come_in_the_questions_order_whatever_ends_first():
    async def ask(question, n):
        await asyncio.sleep(0.01 * (5 - n))
        if n == 2:
            raise ModelUnavailable("no", reason="refused")
        return question

    found = await ask_many(ask, ["a", "b", "c", "d"], at_once=4)
    assert [getattr(r, "reason", r) for r in found] == ["a", "b", "refused", "d"]


async def test_at_most_so_many_are_out_at_once():
    out, most = 0, 0

    async def ask(question, n):
        nonlocal out, most
        out, most = out + 1, max(most, out + 1)
        await asyncio.sleep(0)
        out -= 1
        return question

    await ask_many(ask, list(range(20)), at_once=3)
    assert most == 3


async def test_a_lost_lease_is_raised_and_nobody_goes_on_asking():
    ended = []

    async def ask(question, n):
        if n == 0:
            raise LeaseLost
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(n)

    with pytest.raises(LeaseLost):
        await ask_many(ask, ["a", "b", "c"], at_once=3)
    await asyncio.sleep(0)
    assert sorted(ended) == [1, 2]
