"""The platform with a model that is the adversary: one behaviour, or a mixture, at a real socket."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.adversary.server import MODEL, Adversary
from tests.platform import SUE, Platform, platform
from workflow_orchestration.store import views


@dataclass
class Scene:
    """A platform and the model it asks."""

    p: Platform
    model: Adversary

    async def opinion(self, case_id: str) -> dict[str, Any]:
        """What people are shown of the agents' talk on the newest approval."""
        approval = await self.p.approval(case_id)
        async with self.p.pool.connection() as conn:
            shown = await views.approval(conn, str(approval["id"]), SUE)
        return shown["content"]["commentary"]

    async def types(self, case_id: str) -> list[str]:
        return [e["type"] for e in await self.p.entries(case_id)]

    async def told(self, case_id: str, entry: str) -> list[dict[str, Any]]:
        return [e["data"] for e in await self.p.entries(case_id) if e["type"] == entry]


Start = Callable[..., contextlib.AbstractAsyncContextManager[Scene]]


@pytest.fixture
def agents(database, tmp_path) -> Start:
    """Start a platform whose agents are played by these behaviours; `only`: by schema name."""

    @contextlib.asynccontextmanager
    async def start(
        *names: str, only: dict[str, str] | None = None, seed: int = 1, stall: float = 30.0, **settings: Any
    ) -> AsyncIterator[Scene]:
        model = Adversary(dict.fromkeys(names or ("honest",), 1.0), seed=seed, by_schema=only or {}, stall=stall)
        async with (
            model.serving() as url,
            platform(database.worker, tmp_path, llm_base_url=url, llm_model=MODEL, **settings) as p,
        ):
            p.patience = 60  # a talk is a dozen questions, each recorded
            yield Scene(p, model)

    return start
