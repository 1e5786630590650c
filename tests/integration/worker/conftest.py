from __future__ import annotations

from tests.integration.store.conftest import database, pool, scene, shared_database

__all__ = ["database", "pool", "scene", "shared_database"]
