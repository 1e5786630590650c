from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from workflow_orchestration.store.db import Pool, make_pool

from tests.integration.store.scene import Scene


@pytest.fixture
async def pool(database) -> AsyncIterator[Pool]:
    """As a worker has it."""
    async with make_pool(database.worker, size=8, name="test") as opened:
        yield opened


@pytest.fixture
def scene(pool) -> Scene:
    return Scene(pool)
